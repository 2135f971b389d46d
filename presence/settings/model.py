"""Every setting of the server: its name, type, unit, default and limits.

The field name is the TOML key, `PRESENTITY_<NAME>` the environment variable.  `docs/configuration.md` and
`config/presentity.toml` are made from what the fields say here (`presence.settings.reference`).
Times are seconds and sizes are bytes unless the unit says otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from presence.lists.naming import (
    DEFAULT_GROUP_PATTERN,
    DEFAULT_PATTERN,
    group_list_pattern,
    list_pattern,
)
from presence.provisioning.sessions import SessionSettings
from presence.settings import values

ENV_PREFIX = "PRESENTITY_"
DEFAULT_DOMAIN = "localhost"

HostPort = Annotated[values.HostPort, PlainValidator(values.host_port)]
_List = (NoDecode, BeforeValidator(values.split_list))
Domain = Annotated[str, AfterValidator(values.host)]
Listener = Annotated[str, AfterValidator(values.listener)]
Network = Annotated[values.Network, PlainValidator(values.network)]
Route = Annotated[str, AfterValidator(values.route)]
SourcePriority = Annotated[values.SourcePriority, PlainValidator(values.source_priority)]
DatabaseUrl = Annotated[str, AfterValidator(values.database_url)]
ListPattern = Annotated[str, AfterValidator(list_pattern)]
GroupListPattern = Annotated[str, AfterValidator(group_list_pattern)]

PublisherAddress = Annotated[str, AfterValidator(values.identity)]
EventName = Annotated[str, AfterValidator(values.event_name)]
HttpUrl = Annotated[str, AfterValidator(values.http_url)]
MediaTypeName = Annotated[str, AfterValidator(values.media_type)]

Seconds = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
Duration = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, Field(ge=0)]
"""A number of things that may be, 0 for any."""
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Handling = Literal["allow", "confirm", "polite-block", "block"]
DigestAlgorithm = Literal["MD5", "SHA-256"]


def _setting(default: object, section: str, description: str, unit: str = "", **more: Any) -> Any:
    return Field(
        default, description=description, json_schema_extra={"section": section, "unit": unit}, **more
    )


class Lifetimes(NamedTuple):
    """What a lifetime may be, in seconds."""

    least: int
    default: int
    largest: int


class Settings(BaseSettings):
    """How this server is to run.  Frozen: a running server never changes its mind.

    `presence.settings.load` is the way to get one with all sources in their order; calling the class itself
    takes the arguments, then the environment, then the defaults.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, validate_default=True
    )

    data: Path = _setting(
        Path("data"),
        "Server",
        "Folder for the SQLite database and everything that is generated. Relative to the folder that the"
        " command is started in.",
    )
    database: DatabaseUrl | None = _setting(
        None,
        "Server",
        "SQLAlchemy address of the database: `sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`."
        " Not set: `presentity.db` in the data folder.",
        repr=False,
    )
    domain: Annotated[tuple[Domain, ...], *_List] = _setting(
        (DEFAULT_DOMAIN,),
        "Server",
        "Domains that this server is responsible for; the first is the one of demo users.",
        min_length=1,
    )
    demo: bool = _setting(
        False,
        "Server",
        "Create the users alice, bob and carol in the first domain and print their passwords, which are kept"
        " in `demo-passwords.json` in the data folder (mode 0600) and stay the same.",
    )

    listen: Annotated[tuple[Listener, ...], *_List] = _setting(
        ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"),
        "Network",
        "SIP listeners, each `udp|tcp|tls|ws|wss:HOST:PORT`; an IPv6 address stands in brackets, port 0 takes"
        " any free port.",
        min_length=1,
    )
    http: HostPort = _setting(
        values.HostPort("127.0.0.1", 8080),
        "Network",
        "Where `/healthz`, `/metrics`, `/status` and `/explain` are served, `HOST:PORT`.",
    )
    operators: Annotated[tuple[Network, ...], *_List] = _setting(
        (),
        "Network",
        "Networks that get `/metrics`, `/status` and `/explain`, beside this computer itself; anybody else"
        " gets 403. `/explain` shows everybody's presence and rules. What a proxy on this computer passes on"
        " is refused if it says so (X-Forwarded-For and the like), and what calls this computer by a name"
        " that is not `http`'s; name 127.0.0.1 here to have these as well.",
    )
    https: HostPort | None = _setting(
        None,
        "Network",
        "Where the SOAP service is offered by HTTPS, `HOST:PORT`, with the certificate of `tls_certificate`."
        " Not set: only on the listener of `http`.",
    )
    advertise: Domain | None = _setting(
        None,
        "Network",
        "Host name or address to write into Via, Contact and Record-Route instead of the local one, for a"
        " server behind NAT.",
    )
    trust: Annotated[tuple[Network, ...], *_List] = _setting(
        (),
        "Network",
        "Networks of trusted peers: they are not challenged, and their P-Asserted-Identity, Remote-Party-ID"
        " or From is believed.",
    )
    publishers: Annotated[tuple[PublisherAddress, ...], *_List] = _setting(
        (),
        "Network",
        "Addresses of PBXs and voice mailboxes that may publish `dialog` and `message-summary` for every"
        " user: accounts of this server, or what a trusted peer asserts (its From, if nothing else).",
    )
    service_route: Annotated[tuple[Route, ...], *_List] = _setting(
        (), "Network", "URIs for the Service-Route header of answers to REGISTER (RFC 3608)."
    )
    path: Literal["accept", "require-supported"] = _setting(
        "accept",
        "Network",
        "REGISTER with Path from a client that does not list `path` in Supported (RFC 3327 §5.3): accepted"
        " and used, or refused with 420.",
    )
    congestion_safe: bool = _setting(
        False,
        "Network",
        "Send requests of more than 1300 bytes by TCP also to UDP contacts (RFC 3261 §18.1.1). Off: they go"
        " by UDP, in fragments if need be.",
    )
    t1: Duration = _setting(0.5, "Network", "Round-trip time estimate T1 (RFC 3261 §17).", "seconds")

    max_message: Annotated[int, Field(ge=1500, le=65535 * 16)] = _setting(
        65536, "Limits of transports", "Largest SIP message that is read; more is answered 513.", "bytes"
    )
    max_connections: Count = _setting(
        10_000, "Limits of transports", "Open connections at a time, in and out; more are refused."
    )
    connection_idle: Duration = _setting(
        3600.0, "Limits of transports", "A connection on which nothing came for so long is closed.", "seconds"
    )
    connect_timeout: Duration = _setting(
        5.0, "Limits of transports", "Time for an outbound connection to be made.", "seconds"
    )
    message_timeout: Duration = _setting(
        15.0, "Limits of transports", "Time for a message on a stream to be complete once begun.", "seconds"
    )
    max_header_values: Annotated[int, Field(ge=50)] = _setting(
        500,
        "Limits of transports",
        "Header fields of one message and values in them (its line ends and commas); more is answered 400.",
    )
    max_connections_address: Limit = _setting(
        1000,
        "Limits of transports",
        "The same as `max_connections` for what one address opens (of IPv6: one network of 64 bits), trusted"
        " peers excepted; more are hung up on. 0: no limit but `max_connections`.",
    )
    handshake_timeout: Duration = _setting(
        10.0,
        "Limits of transports",
        "Time for the handshakes of TLS and WebSocket together; then the connection is closed.",
        "seconds",
    )
    connection_unused: Duration = _setting(
        60.0,
        "Limits of transports",
        "A connection that a peer opened, and on which no message and no keep-alive came for so long, is"
        " closed.",
        "seconds",
    )
    receive_buffer: Annotated[int, Field(ge=4096)] = _setting(
        4_194_304, "Limits of transports", "SO_RCVBUF asked for UDP sockets.", "bytes"
    )
    max_transactions: Count = _setting(
        # Over UDP each is kept for 32 seconds: so many are some 15,000 requests a second.
        500_000,
        "Limits of transports",
        "Server transactions at a time; more requests are answered 503.",
    )
    overload_wait: Annotated[float, Field(ge=0, le=10)] = _setting(
        0.1,
        "Limits of transports",
        "How long messages may wait before they are looked at. While they wait longer, new requests"
        " are answered 503 at once; requests within dialogs, responses and refreshes of publications are"
        " handled. 0: no limit.",
        "seconds",
    )
    retry_after: Seconds = _setting(
        5,
        "Limits of transports",
        "Least Retry-After of these answers; at most twice that, so that not all come again together.",
        "seconds",
    )
    shutdown_grace: Duration = _setting(
        5.0, "Limits of transports", "After SIGTERM, time for what is under way to be answered.", "seconds"
    )

    address_requests: Rate = _setting(
        500.0,
        "Limits of addresses",
        "Requests from one address (of IPv6: from one network of 64 bits); more are answered 503 with"
        " Retry-After, and what is beyond `address_refusals` is dropped. None of these limits is for trusted"
        " peers. 0: no limit.",
        "per second",
    )
    address_unproved: Rate = _setting(
        100.0,
        "Limits of addresses",
        "The same for requests from a place (address and port) where nobody has proved himself by digest"
        " yet: what is challenged, and the answer to the challenge. 0: no limit but `address_requests`.",
        "per second",
    )
    address_burst: Duration = _setting(
        10.0,
        "Limits of addresses",
        "So much of each of these rates may come at once: 10 seconds of 500 requests a second are 5000.",
        "seconds",
    )
    address_refusals: Annotated[float, Field(ge=1, allow_inf_nan=False)] = _setting(
        10.0,
        "Limits of addresses",
        "Answers that tell one address of these limits; what is beyond is dropped, so that nobody has us"
        " send to an address that he forged.",
        "per second",
    )
    address_connections: Rate = _setting(
        100.0,
        "Limits of addresses",
        "Connections that one address opens; more are hung up on. 0: no limit.",
        "per second",
    )
    auth_failures_place: Limit = _setting(
        10,
        "Limits of addresses",
        "Wrong passwords from one address and port within `auth_window`; with more, none from there is"
        " looked at: 503 with Retry-After. 0: no limit.",
    )
    auth_failures_address: Limit = _setting(
        50,
        "Limits of addresses",
        "The same from one address. Those for a user who has proved himself from there count apart. 0: no"
        " limit.",
    )
    auth_failures_user: Limit = _setting(
        100,
        "Limits of addresses",
        "The same for one user, from addresses where he has not proved himself: from the others he can"
        " always log in, whatever strangers try. 0: no limit.",
    )
    auth_window: Seconds = _setting(
        300, "Limits of addresses", "The time within which wrong passwords are counted.", "seconds"
    )

    tls_certificate: Path | None = _setting(
        None,
        "TLS",
        "PEM file with the certificate chain for tls, wss and https listeners. A file that is replaced is"
        " used from the next connection on. Not set: one is generated, signed by itself and kept in the data"
        " folder; good for trying only.",
    )
    tls_key: Path | None = _setting(
        None, "TLS", "PEM file with the private key. Not set: it is in the file of `tls_certificate`."
    )
    tls_ca: Path | None = _setting(
        None, "TLS", "PEM file with the authorities that outbound TLS believes. Not set: those of the system."
    )
    tls_verify: bool = _setting(True, "TLS", "Check the certificates of servers that we connect to.")

    min_expires: Seconds = _setting(
        60,
        "Lifetimes",
        "Least lifetime of bindings, publications and subscriptions; less is answered 423.",
        "seconds",
    )
    binding_expires: Seconds = _setting(
        3600,
        "Lifetimes",
        "Lifetime of a binding when REGISTER asks for none, at least `min_expires`.",
        "seconds",
    )
    binding_max_expires: Seconds = _setting(86400, "Lifetimes", "Largest lifetime of a binding.", "seconds")
    publication_expires: Seconds = _setting(
        3600,
        "Lifetimes",
        "Lifetime of a publication when PUBLISH asks for none, at least `min_expires`.",
        "seconds",
    )
    publication_max_expires: Seconds = _setting(
        86400, "Lifetimes", "Largest lifetime of a publication.", "seconds"
    )
    subscription_expires: Seconds = _setting(
        3600,
        "Lifetimes",
        "Lifetime of a subscription when SUBSCRIBE asks for none, at least `min_expires`.",
        "seconds",
    )
    subscription_max_expires: Seconds = _setting(
        86400, "Lifetimes", "Largest lifetime of a subscription.", "seconds"
    )

    max_bindings: Count = _setting(
        20, "Limits of users", "Bindings of one user; more are refused with 403 and a reason."
    )
    max_publications: Count = _setting(
        20, "Limits of users", "Publications of one presentity; more are refused with 403 and a reason."
    )
    max_subscriptions: Count = _setting(
        2000, "Limits of users", "Subscriptions of one watcher; more are refused with 403 and a reason."
    )
    max_subscribe_body: Annotated[int, Field(ge=1024, le=65536)] = _setting(
        65536,
        "Limits of users",
        "Largest body of a SUBSCRIBE (a list, a filter), after decompression; more is answered 413.",
        "bytes",
    )
    min_notify_interval: Annotated[float, Field(ge=0, le=3600)] = _setting(
        0.0,
        "Limits of users",
        "Time between two NOTIFYs of one subscription: of what changes sooner the newest is told when it"
        " is over. Answers to SUBSCRIBE, decisions about the watcher and the end do not wait. 0: no limit but"
        " the one that a watcher asks for (RFC 6446).",
        "seconds",
    )
    waiting_expires: Seconds = _setting(
        604_800,
        "Limits of users",
        "How long the presentity is shown a watcher on whom he has not decided and who has gone.",
        "seconds",
    )

    digest_algorithms: Annotated[tuple[DigestAlgorithm, ...], *_List] = _setting(
        ("MD5",),
        "Authentication",
        "Challenges offered, in this order: MD5, SHA-256. Most phones fail when SHA-256 stands beside MD5.",
        min_length=1,
    )
    digest_without_qop: bool = _setting(
        True,
        "Authentication",
        "Accept digest responses without qop (RFC 2069), for which a nonce serves once and shortly.",
    )
    nonce_lifetime: Seconds = _setting(
        300, "Authentication", "Age at which a nonce is stale and a new one is given.", "seconds"
    )
    nonce_lifetime_without_qop: Seconds = _setting(
        60, "Authentication", "The same for a response without qop.", "seconds"
    )

    empty_document: Literal["closed", "entity"] = _setting(
        "closed",
        "Presence",
        "What watchers of a presentity without publications get: a closed tuple, or a document with nothing"
        " but the entity.",
    )
    registration_is_open: bool = _setting(
        False,
        "Presence",
        "Show a presentity that has a live binding and no publication as open. Off, since phones remove their"
        " publication to appear offline.",
    )
    source_priorities: Annotated[tuple[SourcePriority, ...], *_List] = _setting(
        (),
        "Presence",
        "What counts more where a presentity's sources disagree about him: entries NAME=NUMBER, the highest"
        " number wins. A name is that of a source (as it names itself, else the product in its User-Agent),"
        " or a kind: publication (0 by default), standing (long-term status, -0.5), registration (-1).",
    )
    max_document: Annotated[int, Field(ge=1024)] = _setting(
        32768, "Presence", "Largest published document, after decompression; more is answered 413.", "bytes"
    )
    max_document_depth: Annotated[int, Field(ge=4, le=250)] = _setting(
        32, "Presence", "Deepest nesting of elements in a published document; more is answered 400."
    )

    default_policy_local: Handling = _setting(
        "allow",
        "Privacy",
        "What watchers of the domains that are served here get of a presentity whose rules do not name them:"
        " everything, nothing until he allows it, a document that shows him unavailable, or a refusal.",
    )
    default_policy_foreign: Handling = _setting(
        "confirm", "Privacy", "The same for watchers of other domains, and for those who proved nothing."
    )

    session_idle: Seconds = _setting(
        3600,
        "Sessions",
        "A session of a client application ends when it made no request for so long; a user has one, and the"
        " next login is refused until then, unless it is by force.",
        "seconds",
    )
    login_attempts_user: Count = _setting(
        10,
        "Sessions",
        "Logins with a wrong password for one user within `login_window`; with more, none is looked at.",
    )
    login_attempts_address: Count = _setting(
        50, "Sessions", "The same from one address (of IPv6: from one network of 64 bits)."
    )
    login_window: Seconds = _setting(
        300, "Sessions", "The time within which failed logins are counted.", "seconds"
    )
    max_history: Count = _setting(
        200,
        "Sessions",
        "Recent communications that are kept for one user; with more, the oldest go.",
    )

    soap_plain_http: bool = _setting(
        False,
        "SOAP",
        "Take SOAP requests by plain HTTP from other computers as well. Off: only from this one, since"
        " passwords travel in them; a proxy here that speaks HTTPS counts as this one.",
    )
    soap_address: HttpUrl | None = _setting(
        None,
        "SOAP",
        "URL of the service in its WSDL, for a server behind a proxy. Not set: by which it was fetched.",
    )
    soap_threads: Annotated[int, Field(ge=1, le=12)] = _setting(
        4,
        "SOAP",
        "Requests that are worked on at a time; of those that may change something, one less (but one).",
    )
    soap_queue: Annotated[int, Field(ge=0)] = _setting(
        64, "SOAP", "Requests that wait for that; more are answered 503 with Retry-After."
    )
    soap_queue_timeout: Duration = _setting(
        10.0, "SOAP", "Time that a request waits for that; then it is answered 503 as well.", "seconds"
    )
    soap_lock_timeout: Duration = _setting(
        3.0,
        "SOAP",
        "Time that a change by a request waits for others who write to the database; then it is not made, and"
        " the answer is that the database cannot be had.",
        "seconds",
    )
    soap_namespaces: Literal["consistent", "printed"] = _setting(
        "consistent",
        "SOAP",
        "Elements of answers that the reference prints without a namespace (in `get-presence-rules-resp`,"
        " `get-acl-resp`, `delete-acl-resp`): in `urn:cisco:epas:soap` like all others, or as printed.",
    )
    soap_max_depth: Annotated[int, Field(ge=16, le=250)] = _setting(
        64,
        "SOAP",
        "Deepest nesting of elements in a SOAP request, its envelope included; more is refused (`TooDeep`).",
    )
    http_max_body: Annotated[int, Field(ge=1024)] = _setting(
        262_144, "SOAP", "Largest body of an HTTP request; more is refused.", "bytes"
    )
    http_max_connections: Count = _setting(
        1000, "SOAP", "Open connections at a time to each listener for HTTP and HTTPS; more are closed."
    )
    http_max_connections_address: Limit = _setting(
        200,
        "SOAP",
        "The same for one address (of IPv6: one network of 64 bits), this computer and trusted peers"
        " excepted. 0: no limit but `http_max_connections`.",
    )
    http_request_timeout: Duration = _setting(
        15.0,
        "SOAP",
        "Time for an HTTP request to be complete once begun; then the connection is closed.",
        "seconds",
    )

    uccn_event: EventName = _setting(
        "uc-config-change",
        "Change notifier",
        "Name of the event package by which clients hear of changes of their configuration.",
    )
    uccn_content_type: MediaTypeName = _setting(
        "application/xml", "Change notifier", "Content-Type of what they are sent."
    )
    uccn_namespace: Literal["consistent", "printed"] = _setting(
        "consistent",
        "Change notifier",
        "Namespace of these documents: that of the payloads of the reference, `urn:cisco:epas:uccn`, or that"
        " of its printed schema, `urn:cisco:CUPS:UCCN`.",
    )

    list_uri: ListPattern = _setting(
        DEFAULT_PATTERN,
        "Lists",
        "User part of the URI that is the list of all contacts of `{user}`, for himself only (RFC 4662).",
    )
    group_list_uri: GroupListPattern = _setting(
        DEFAULT_GROUP_PATTERN,
        "Lists",
        "The same for one group of contacts; `{group}` is its name, escaped as in any URI.",
    )
    max_list_members: Count = _setting(
        500,
        "Lists",
        "Members of one list: a user has no more contacts, and a longer list in a SUBSCRIBE (RFC 5367) is"
        " answered 413.",
    )
    list_window: Annotated[float, Field(ge=0, le=60)] = _setting(
        0.3, "Lists", "How long changes of members gather before one NOTIFY tells of them all.", "seconds"
    )

    max_message_body: Annotated[int, Field(ge=1)] = _setting(
        16384, "Messages", "Largest body of a MESSAGE; more is answered 413.", "bytes"
    )
    max_stored_messages: Annotated[int, Field(ge=0)] = _setting(
        200, "Messages", "Messages kept for one user who is away; more are refused with 480. 0 stores none."
    )
    message_expires: Seconds = _setting(604_800, "Messages", "How long a stored message is kept.", "seconds")

    journal_linger: Annotated[float, Field(ge=0, le=1000)] = _setting(
        0.5,
        "Journal",
        "How long a small commit waits for as many changes as there were lately; one that comes alone does"
        " not wait, and changes join anyhow while another commit runs.",
        "milliseconds",
    )
    journal_batch: Count = _setting(500, "Journal", "Most changes in one commit.")
    journal_queue: Count = _setting(
        20_000, "Journal", "Changes waiting for a commit at which requests are answered 503."
    )
    outbox_poll: Duration = _setting(
        0.25, "Journal", "How often the server looks for changes made by the command line.", "seconds"
    )

    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "Logs", "Least level that is logged: debug, info, warning or error."
    )
    log_format: Literal["keyvalue", "json"] = _setting(
        "keyvalue", "Logs", "One line an event, as `keyvalue` or `json`."
    )
    log_sip: bool = _setting(
        False,
        "Logs",
        "Log every SIP message whole, with direction, peer and transport; credentials are masked.",
    )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        for kind in ("binding", "publication", "subscription"):
            largest = getattr(self, f"{kind}_max_expires")
            for name in ("min_expires", f"{kind}_expires"):
                if getattr(self, name) > largest:
                    raise ValueError(
                        f"{name} ({getattr(self, name)}) is more than {kind}_max_expires ({largest})"
                    )
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("tls_key is given without tls_certificate")
        return self

    @property
    def database_url(self) -> str:
        """The address of the database, the default one filled in.  May hold a password: never log it."""
        return self.database or f"sqlite:///{self.data.absolute() / 'presentity.db'}"

    @property
    def binding_lifetimes(self) -> Lifetimes:
        """Of bindings (RFC 3261 §10.3, step 7)."""
        return self._lifetimes(self.binding_expires, self.binding_max_expires)

    @property
    def publication_lifetimes(self) -> Lifetimes:
        """Of publications (RFC 3903 §6, step 4)."""
        return self._lifetimes(self.publication_expires, self.publication_max_expires)

    @property
    def subscription_lifetimes(self) -> Lifetimes:
        """Of subscriptions (RFC 6665 §4.2.1.1)."""
        return self._lifetimes(self.subscription_expires, self.subscription_max_expires)

    def _lifetimes(self, default: int, largest: int) -> Lifetimes:
        # A larger least lifetime lifts the default: nobody is refused for having asked for nothing.
        return Lifetimes(self.min_expires, max(default, self.min_expires), largest)

    @property
    def sessions(self) -> SessionSettings:
        """Of client applications."""
        return SessionSettings(
            default_domain=self.domain[0],
            idle=self.session_idle,
            attempts_per_user=self.login_attempts_user,
            attempts_per_address=self.login_attempts_address,
            window=self.login_window,
        )

    @property
    def state_file(self) -> Path:
        """What a running server says about itself to the command line."""
        return self.data / "server.json"

    @property
    def tls_folder(self) -> Path:
        """Where a generated certificate is kept."""
        return self.data / "tls"

    @property
    def hint(self) -> str | None:
        """A line for the operator when the default domain is in use, which no other machine can reach."""
        if self.domain == (DEFAULT_DOMAIN,) and "domain" not in self.model_fields_set:
            return "no domain given: serving localhost (--domain example.org serves users NAME@example.org)"
        return None
