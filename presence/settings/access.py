"""Who is let in, and what he may see: digest, default rules, sessions of client applications."""

from __future__ import annotations

from typing import Annotated

from presence.settings.kinds import LISTED, Count, DigestAlgorithm, Group, Handling, Seconds, setting


class AuthenticationSettings(Group):
    """Section Authentication: digest (RFC 3261 §22, RFC 2069)."""

    digest_algorithms: Annotated[tuple[DigestAlgorithm, ...], *LISTED] = setting(
        ("MD5",),
        "Authentication",
        "Challenges offered, in this order: MD5, SHA-256. Most phones fail when SHA-256 stands beside MD5.",
        min_length=1,
    )
    digest_without_qop: bool = setting(
        True,
        "Authentication",
        "Accept digest responses without qop (RFC 2069), for which a nonce serves once and shortly.",
    )
    nonce_lifetime: Seconds = setting(
        300, "Authentication", "Age at which a nonce is stale and a new one is given.", "seconds"
    )
    nonce_lifetime_without_qop: Seconds = setting(
        60, "Authentication", "The same for a response without qop.", "seconds"
    )


class PrivacySettings(Group):
    """Section Privacy: who sees a presentity whose rules say nothing."""

    default_policy_local: Handling = setting(
        "allow",
        "Privacy",
        "What watchers of the domains that are served here get of a presentity whose rules do not name them:"
        " everything, nothing until he allows it, a document that shows him unavailable, or a refusal.",
    )
    default_policy_foreign: Handling = setting(
        "confirm", "Privacy", "The same for watchers of other domains, and for those who proved nothing."
    )


class ClientSessions(Group):
    """Section Sessions: of client applications by SOAP."""

    session_idle: Seconds = setting(
        3600,
        "Sessions",
        "A session of a client application ends when it made no request for so long; a user has one, and the"
        " next login is refused until then, unless it is by force.",
        "seconds",
    )
    login_attempts_user: Count = setting(
        10,
        "Sessions",
        "Logins with a wrong password for one user within `login_window`; with more, none is looked at.",
    )
    login_attempts_address: Count = setting(
        50, "Sessions", "The same from one address (of IPv6: from one network of 64 bits)."
    )
    login_window: Seconds = setting(
        300, "Sessions", "The time within which failed logins are counted.", "seconds"
    )
    max_history: Count = setting(
        200,
        "Sessions",
        "Recent communications that are kept for one user; with more, the oldest go.",
    )
