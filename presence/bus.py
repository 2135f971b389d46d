"""Announcing changes: who changes something publishes a topic and a key, who cares asks for the state.

The bus carries no state, only "presence of sip:alice@example.com has changed".  Nobody may assume that
all who listen are in this process: a cluster puts an engine behind `Bus` and nothing else changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)

Callback = Callable[[str], None]


class Bus(Protocol):
    """Topics are event package names or the names of other things that change; keys are AORs mostly."""

    def publish(self, topic: str, key: str) -> None:
        """Tell all subscribers of `topic`, here and elsewhere, that `key` has changed."""

    def subscribe(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call `callback(key)` for every announcement from now on; the result ends that."""


class LocalBus:
    """The bus of a single process: callbacks are called at once, in the order of their subscription."""

    __slots__ = ("_callbacks",)

    def __init__(self) -> None:
        self._callbacks: dict[str, tuple[Callback, ...]] = {}

    def publish(self, topic: str, key: str) -> None:
        """Tell all subscribers; one that fails is logged and takes nothing from the others."""
        for callback in self._callbacks.get(topic, ()):
            try:
                callback(key)
            except Exception:
                log.exception("bus.subscriber_failed", extra={"topic": topic, "key": key})

    def subscribe(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call `callback(key)` from now on; the result ends that, and is harmless the second time."""
        self._callbacks[topic] = (*self._callbacks.get(topic, ()), callback)

        def unsubscribe() -> None:
            left = tuple(held for held in self._callbacks[topic] if held is not callback)
            self._callbacks[topic] = left

        return unsubscribe
