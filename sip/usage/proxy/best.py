"""Which of several answers goes back (RFC 3261 §16.7 steps 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sip.usage.proxy.interface import Outcome

if TYPE_CHECKING:
    from sip.message import Response

TIMED_OUT: Final = Outcome(408, "Request Timeout")

_CHALLENGES: Final = ("WWW-Authenticate", "Proxy-Authenticate")

_RANKS: Final[dict[int, int]] = {
    # What tells the client how to ask again (§16.7 step 6).
    401: 0,
    407: 1,
    415: 2,
    420: 3,
    484: 4,
    # What tells it nothing about the user: the echo of our own CANCEL, silence, an overloaded element.
    487: 11,
    408: 12,
    503: 12,
}
_ORDINARY: Final = 10


def choose(outcomes: Sequence[Outcome], *, invite: bool) -> Outcome:
    """The best of `outcomes`; a 408 when there is none.

    A 6xx wins, then the lowest class, then rank within the class, then who answered first.  A non-INVITE
    request must not be answered 408 (RFC 4320 §4.2), so there anything else is better.
    """
    candidates = [outcome for outcome in outcomes if invite or outcome.status != 408]
    return min(candidates, key=_preference, default=TIMED_OUT)


def aggregate_challenges(best: Outcome, outcomes: Sequence[Outcome]) -> Response | None:
    """The answer of `best`; a 401 or 407 gets the challenges of all the others added (§16.7 step 7)."""
    response = best.response
    if response is None or best.status not in (401, 407):
        return response
    others = [
        outcome.response
        for outcome in outcomes
        if outcome.status in (401, 407) and outcome.response is not None and outcome.response is not response
    ]
    if not others:
        return response
    whole = response.copy()
    for other in others:
        for name in _CHALLENGES:
            for value in other.get_all(name):
                whole.add(name, value)
    return whole


def _preference(outcome: Outcome) -> tuple[int, int, bool]:
    status_class = outcome.status // 100
    return (
        0 if status_class == 6 else status_class,
        _RANKS.get(outcome.status, _ORDINARY),
        outcome.response is None,
    )
