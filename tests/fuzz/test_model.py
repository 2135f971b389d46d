"""Any order of well-formed requests is answered as RFCs have it; `scripts/fuzz --target model` for more."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from sip.dialog import Dialog
from sip.message import Request
from sip.usage.location import Binding
from sip.usage.publication.keeper import PublicationKeeper
from sip.usage.registrar import outcome
from tests.fuzz.model import BRIEFLY, Conversation


def test_every_order_of_requests_is_answered_as_expected() -> None:
    run_state_machine_as_test(Conversation, settings=BRIEFLY)


def late_requests_count(binding: Binding, request: Request) -> None:
    """Instead of `outcome._in_order`."""


def any_number_will_do(self: Dialog, request: Request) -> str:
    """Instead of `Dialog.check`."""
    return self.remote_target


def old_tags_live(self: PublicationKeeper, publication: object, state: object) -> None:
    """Instead of `PublicationKeeper.renew`."""
    publication.become(state)  # type: ignore[attr-defined]
    self._by_etag[publication.etag] = publication  # type: ignore[attr-defined,index]
    self._schedule(publication)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "name", "instead"),
    [
        (outcome, "_in_order", late_requests_count),
        (Dialog, "check", any_number_will_do),
        (PublicationKeeper, "renew", old_tags_live),
    ],
    ids=lambda it: getattr(it, "__name__", None),
)
def test_a_server_that_does_otherwise_is_noticed(
    place: object, name: str, instead: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, instead)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Conversation, settings=settings(BRIEFLY, max_examples=300))
