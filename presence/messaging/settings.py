"""Limits and lifetimes of messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MessageSettings:
    """Sizes in bytes, times in seconds.

    Attributes:
        max_body: larger bodies are answered with 413.  RFC 3428 §8 wants messages below 1300 bytes because of
            UDP; clients do not keep to that, and most come by TCP.
        max_stored: messages that wait for one user; the next one is answered with 480.  0 stores none.
        expires: how long a message waits at most, whatever its own Expires says.
        retry_interval: when delivery is tried again to a phone that is registered but did not answer.
        max_clock_error: a sender's Date further from the present than this is shown to the recipient, but
            not used to tell when the message expires.
        retry_after: Retry-After of a 503, when a message could not be stored.
    """

    max_body: int = 16384
    max_stored: int = 200
    expires: float = 7 * 86400.0
    retry_interval: float = 300.0
    max_clock_error: float = 3600.0
    retry_after: int = 5
