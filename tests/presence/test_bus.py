"""The bus within one process."""

from __future__ import annotations

import logging

import pytest

from presence.bus import LocalBus


def test_subscribers_of_a_topic_hear_the_key() -> None:
    bus, heard = LocalBus(), list[str]()
    bus.subscribe("presence", heard.append)
    bus.publish("presence", "sip:alice@example.com")
    bus.publish("dialog", "sip:bob@example.com")
    assert heard == ["sip:alice@example.com"]


def test_who_has_unsubscribed_hears_nothing() -> None:
    bus, heard = LocalBus(), list[str]()
    end = bus.subscribe("presence", heard.append)
    end()
    end()
    bus.publish("presence", "sip:alice@example.com")
    assert heard == []


def test_a_subscriber_that_fails_takes_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = LocalBus(), list[str]()

    def fail(key: str) -> None:
        raise RuntimeError(key)

    bus.subscribe("presence", fail)
    bus.subscribe("presence", heard.append)
    with caplog.at_level(logging.ERROR):
        bus.publish("presence", "sip:alice@example.com")
    assert heard == ["sip:alice@example.com"]
    assert "bus.subscriber_failed" in caplog.text
