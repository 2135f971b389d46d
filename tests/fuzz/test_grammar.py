"""Whatever the grammar of RFC 3261 allows is understood, and is dealt with by the server without a fault."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip.framing import StreamFramer
from sip.message import Request, Response, check_request, parse
from tests.fuzz.grammar import Said, requests
from tests.fuzz.targets import watched
from tests.fuzz.whole import sound
from tests.presence.house import TRUSTED, House

EACH = settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
NAMES = st.sampled_from(("alice", "bob", "al%69ce", "nobody", "alice;x=y"))


@EACH
@given(requests(), st.integers(1, 64))
def test_a_valid_request_says_what_it_says_is_written_as_one_and_cut_out_of_a_stream(
    said: Said, size: int
) -> None:
    request = parse(said.data)
    assert isinstance(request, Request)
    check_request(request)
    assert (request.method, request.call_id) == (said.method, said.call_id)
    assert (request.cseq.number, request.cseq.method) == (said.cseq, said.method)
    assert request.from_.tag == said.from_tag
    assert len(request.vias) == said.vias
    assert request.body == said.body
    assert all(value.branch for value in request.vias)
    assert all(contact.uri for contact in request.contacts)
    assert parse(request.render()) == request
    sound(request.render())
    framer = StreamFramer()
    pieces = [said.data[at : at + size] for at in range(0, len(said.data), size)]
    assert [it for piece in pieces for it in framer.feed(piece)] == [said.data]


@settings(EACH, max_examples=30)
@given(requests(NAMES), st.sampled_from((TRUSTED, "198.51.100.9")))
def test_a_valid_request_is_answered_or_sent_on(said: Said, host: str) -> None:
    house = House(("alice", "bob"))
    house.register("sip:bob@sip.test", house.network.at(TRUSTED, 5090), f"<sip:bob@{TRUSTED}:5090>")
    before = {flow: len(flow.sent) for flow in house.network.flows.values()}
    with watched("sip", "presence"):
        house.receive(said.data, house.network.at(host, 5062, "TCP"))
        house.after(1.0)
    sent = [it for flow in house.network.flows.values() for it in flow.sent[before.get(flow, 0) :]]
    assert sent, "neither"
    for data in sent:
        sound(data)
        message = parse(data)
        if isinstance(message, Response):
            assert not message.reason.startswith("Malformed"), message.reason
