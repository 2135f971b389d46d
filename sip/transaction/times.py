"""The timer values of RFC 3261 §17, in seconds (its table 4), and the states that machines share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["calling", "trying", "proceeding", "completed", "confirmed", "accepted", "terminated"]

CALLING: Final = "calling"
TRYING: Final = "trying"
PROCEEDING: Final = "proceeding"
COMPLETED: Final = "completed"
CONFIRMED: Final = "confirmed"
ACCEPTED: Final = "accepted"
TERMINATED: Final = "terminated"


@dataclass(frozen=True, slots=True)
class TransactionTimes:
    """Round-trip estimate and limits; every other timer is a multiple of these."""

    t1: float = 0.5
    """Seconds: the estimate of a round trip."""
    t2: float = 4.0
    """Seconds: the longest interval between retransmissions of a non-INVITE request."""
    t4: float = 5.0
    """Seconds that a message may stay in the network."""

    @property
    def timeout(self) -> float:
        """Timers B, F, H, J, L and M: 64 times T1."""
        return 64 * self.t1

    @property
    def trying_after(self) -> float:
        """Seconds until a non-INVITE request is answered 100: Timer E has grown to T2 (RFC 4320 §4.1)."""
        waited, interval = 0.0, self.t1
        while interval < self.t2:
            waited += interval
            interval *= 2
        return waited

    invite_trying_after: float = 0.2
    """Seconds until an unanswered INVITE is answered 100 (RFC 3261 §17.2.1)."""
    invite_forgotten: float = 900.0
    """Seconds after which an INVITE that nobody here has answered is given up."""
    invite_completed: float = 32.0
    """Timer D, seconds: how long the answer to an INVITE is acknowledged again over UDP."""
