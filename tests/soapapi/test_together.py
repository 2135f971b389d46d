"""Many clients at a time, and the way from a thread of the service into the event loop."""

from __future__ import annotations

import threading

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

import presence.web
from presence.web import in_reactor
from tests.support.soap import PEOPLE


@ensureDeferred
async def test_everybody_gets_his_own_answer(soap):
    keys = {name: await soap.login(name) for name in PEOPLE}

    async def client(name: str) -> list[str | None]:
        found = []
        for count in range(8):
            value = f"{name}-{count}"
            await soap.call(
                f'<set-user-config><property name="who">{value}</property></set-user-config>', keys[name]
            )
            reply = await soap.call("<get-user-config/>", keys[name])
            found.append(reply.content.findtext("{*}property[@name='who']"))
        return found

    clients = [Deferred.fromCoroutine(client(name)) for name in PEOPLE]
    answers = await DeferredList(clients, fireOnOneErrback=True).addTimeout(60, reactor)
    assert [found for _, found in answers] == [[f"{name}-{count}" for count in range(8)] for name in PEOPLE]


@ensureDeferred
async def test_one_of_two_logins_at_a_time_is_refused(soap):
    """Q24."""
    clients = [Deferred.fromCoroutine(soap.login("soapuser1", force=False)) for _ in range(6)]
    keys = [key for _, key in await DeferredList(clients, fireOnOneErrback=True).addTimeout(30, reactor)]
    assert len([key for key in keys if key is not None]) == 1


@ensureDeferred
async def test_a_call_into_the_event_loop_is_made_there_and_waited_for(soap):
    seen = []

    def call(aor: str, tuple_id: str) -> None:
        seen.append((aor, tuple_id, threading.current_thread() is threading.main_thread()))

    await deferToThread(in_reactor, reactor, call, "sip:a@b", "t1").addTimeout(10, reactor)
    assert seen == [("sip:a@b", "t1", True)]


@ensureDeferred
async def test_what_goes_wrong_in_the_event_loop_goes_wrong_for_who_called(soap):
    def call(aor: str, tuple_id: str) -> None:
        raise LookupError(tuple_id)

    with pytest.raises(LookupError, match="t1"):
        await deferToThread(in_reactor, reactor, call, "sip:a@b", "t1").addTimeout(10, reactor)


def test_nobody_waits_for_an_event_loop_that_does_not_come(monkeypatch):
    class Stopped:
        def callFromThread(self, call):
            pass

    monkeypatch.setattr(presence.web, "WITHDRAWAL", 0.01)
    with pytest.raises(TimeoutError):
        in_reactor(Stopped(), lambda *_: None, "sip:a@b", "t1")


@ensureDeferred
async def test_a_logout_whose_tuple_takes_too_long_is_a_logout_all_the_same(soap):
    def late(*_):
        raise TimeoutError

    key = await soap.login()
    soap.application = type(soap.application)(presence.web.make_services(soap.settings, soap.database, late))
    reply = await soap.call('<logout tuple-id="t1"/>', key)
    assert reply.content.find("{*}success") is not None
    assert (await soap.call("<get-user-config/>", key)).fault[1] == "UnknownSession"


@ensureDeferred
async def test_what_is_done_later_in_the_event_loop_is_waited_for(soap):
    """A tuple that a logout withdraws: it is answered when that is stored."""
    asked, stored = [], Deferred()

    def call(aor: str, tuple_id: str) -> Deferred:
        asked.append(tuple_id)
        return stored

    waiting = deferToThread(in_reactor, reactor, call, "sip:a@b", "t1").addTimeout(10, reactor)
    await deferLater(reactor, 0.1, lambda: None)
    assert (asked, waiting.called) == (["t1"], False)
    stored.callback(None)
    await waiting
