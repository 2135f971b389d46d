"""Any order of well-formed requests is answered as RFCs have it; `scripts/fuzz --target model` for more."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from sip.dialog import Dialog
from sip.message import Request
from sip.usage.location import Binding
from sip.usage.publication import PublicationUsage
from sip.usage.registrar import outcome
from tests.fuzz.model import BRIEFLY, Conversation


def test_every_order_of_requests_is_answered_as_expected() -> None:
    run_state_machine_as_test(Conversation, settings=BRIEFLY)


def late_requests_count(binding: Binding, request: Request) -> None:
    """Instead of `outcome._in_order`."""


def any_number_will_do(self: Dialog, request: Request) -> str:
    """Instead of `Dialog.check`."""
    return self.remote_target


def any_lifetime_will_do(self: PublicationUsage, request: Request) -> int:
    """Instead of `PublicationUsage._lifetime`."""
    return 3600 if request.expires is None else request.expires


@pytest.mark.parametrize(
    ("place", "name", "instead"),
    [
        (outcome, "_in_order", late_requests_count),
        (Dialog, "check", any_number_will_do),
        (PublicationUsage, "_lifetime", any_lifetime_will_do),
    ],
    ids=lambda it: getattr(it, "__name__", None),
)
def test_a_server_that_does_otherwise_is_noticed(
    place: object, name: str, instead: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, instead)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Conversation, settings=settings(BRIEFLY, max_examples=300))
