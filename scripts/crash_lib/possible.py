"""What may be true: one state after an answer, two after none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from crash_lib.evidence import Wrong

T = TypeVar("T")


class Possible(Generic[T]):
    """The states that something may be in.

    An answer 2xx makes the new state the only one, a refusal leaves what was; no answer leaves both.
    """

    def __init__(self, state: T) -> None:
        self.states: tuple[T, ...] = (state,)

    @property
    def certain(self) -> T | None:
        """The state, if there is only one."""
        return self.states[0] if len(self.states) == 1 else None

    def now(self, state: T) -> None:
        """It was answered 2xx, or looked at."""
        self.states = (state,)

    def maybe(self, state: T) -> None:
        """It was not answered."""
        self.states = (*self.states, state)

    def found(self, state: T, what: str) -> None:
        """So it is.  Raises Wrong if it cannot be."""
        if state not in self.states:
            allowed = " or ".join(_shown(one) for one in self.states)
            raise Wrong(f"{what}: found {_shown(state)}, not {allowed}")
        self.states = (state,)


def _shown(state: object) -> str:
    if isinstance(state, Iterable) and not isinstance(state, (str, bytes, tuple)):
        return "{" + ", ".join(map(str, sorted(state, key=str))) + "}"
    return str(state)
