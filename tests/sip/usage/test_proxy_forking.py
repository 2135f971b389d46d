"""Forking, responses, CANCEL and timer C: RFC 3261 §16.7 to §16.10, RFC 4320, RFC 3326."""

from __future__ import annotations

import pytest

from sip.usage.proxy import ProxySettings
from tests.sip.usage.proxy_fakes import INVITE, MESSAGE, House, request, to

DESK, MOBILE, HOME, MAILBOX = (
    "sip:bob@desk.example.net",
    "sip:bob@mobile.example.net",
    "sip:bob@home.example.net",
    "sip:bob@mailbox.example.net",
)

# -- the order of targets ----------------------------------------------------------------------------------


def test_targets_of_equal_q_ring_at_once() -> None:
    house = House()
    house.forward(request(INVITE), to(DESK, 500), to(MOBILE, 500))
    assert house.sender.places == [DESK, MOBILE]


def test_targets_of_lower_q_wait_until_all_of_higher_q_have_refused() -> None:
    house = House()
    house.forward(request(INVITE), to(MAILBOX, 100), to(DESK, 900), to(MOBILE, 900), to(HOME, 500))
    assert house.sender.places == [DESK, MOBILE]
    house.sent[0].answer(486)
    assert house.sender.places == [DESK, MOBILE]
    house.sent[1].answer(480)
    assert house.sender.places == [DESK, MOBILE, HOME]
    house.sent[2].fail(503)
    assert house.sender.places == [DESK, MOBILE, HOME, MAILBOX]


def test_a_success_leaves_the_targets_of_lower_q_alone() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK, 900), to(MAILBOX, 100))
    house.sent[0].answer(200)
    assert (house.sender.places, caller.statuses) == ([DESK], [100, 200])


def test_targets_that_fail_while_being_sent_to_make_room_for_the_next() -> None:
    house = House()
    house.sender.on_send = lambda sent: sent.fail(503) if sent.place != MAILBOX else None
    caller = house.forward(request(INVITE), to(DESK, 900), to(MOBILE, 900), to(MAILBOX, 100))
    assert house.sender.places == [DESK, MOBILE, MAILBOX]
    house.sent[2].answer(200)
    assert caller.statuses == [100, 200]


def test_targets_that_are_not_sent_to_yet_stay_out_when_a_sibling_ends_it_all() -> None:
    house = House()
    house.sender.on_send = lambda sent: sent.answer(603)
    caller = house.forward(request(INVITE), to(DESK, 900), to(MOBILE, 900), to(MAILBOX, 100))
    assert (house.sender.places, caller.statuses) == ([DESK], [100, 603])


# -- provisional answers -----------------------------------------------------------------------------------


def test_an_invite_is_answered_100_at_once() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    assert caller.statuses == [100]


def test_a_100_of_the_next_hop_is_not_passed_on() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(100)
    assert caller.statuses == [100]


def test_ringing_is_passed_on_without_our_via_and_otherwise_as_it_came() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(180, "Ringing", ("Contact", "<sip:bob@192.0.2.20>"), tag="desk")
    assert caller.last.render().decode().split("\r\n") == [
        "SIP/2.0 180 Ringing",
        "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice1;rport",
        "From: Alice <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=desk",
        "Call-ID: call-1@192.0.2.10",
        "CSeq: 1 INVITE",
        "Contact: <sip:bob@192.0.2.20>",
        "Content-Length: 0",
        "",
        "",
    ]


def test_every_branch_may_ring() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(180, tag="desk")
    house.sent[1].answer(183, tag="mobile")
    assert caller.statuses == [100, 180, 183]


def test_provisional_answers_to_other_methods_are_not_passed_on() -> None:
    # RFC 4320 §4.1: nothing but 100, and that is the transaction's.
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK))
    house.sent[0].answer(100)
    house.sent[0].answer(183)
    assert caller.statuses == []


def test_after_the_call_is_answered_nobody_rings_any_more() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(200, tag="desk")
    house.sent[1].answer(180, tag="mobile")
    assert caller.statuses == [100, 200]


# -- success -----------------------------------------------------------------------------------------------


def test_a_2xx_is_passed_on_at_once_with_its_body() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[1].answer(200, body=b"v=0\r\n")
    assert caller.statuses == [100, 200]
    assert caller.last.body == b"v=0\r\n"


def test_a_2xx_cancels_the_other_branches_because_the_call_was_completed_elsewhere() -> None:
    house = House()
    house.forward(request(INVITE), to(DESK), to(MOBILE), to(HOME))
    house.sent[2].answer(404)
    house.sent[0].answer(200)
    assert [sent.cancels for sent in house.sent] == [
        [],
        [('SIP;cause=200;text="Call completed elsewhere"',)],
        [],
    ]


def test_every_2xx_to_an_invite_is_passed_on() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(200, tag="desk")
    house.sent[1].answer(200, tag="mobile")
    house.sent[0].answer(200, tag="desk")  # again, it was not acknowledged yet
    assert [response.to.tag for response in caller.responses] == [None, "desk", "mobile", "desk"]


def test_only_the_first_2xx_to_another_method_is_passed_on() -> None:
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK), to(MOBILE))
    house.sent[0].answer(200)
    house.sent[1].answer(202)
    assert caller.statuses == [200]


def test_refusals_after_a_2xx_are_not_passed_on() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(200)
    house.sent[1].answer(487)
    assert caller.statuses == [100, 200]


# -- refusal -----------------------------------------------------------------------------------------------


def test_a_refusal_waits_for_the_other_branches() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(486, "Busy Here", tag="desk")
    assert caller.statuses == [100]
    house.sent[1].answer(487)
    assert (caller.last.status, caller.last.reason, caller.last.to.tag) == (486, "Busy Here", "desk")


def test_a_6xx_cancels_the_rest_and_is_passed_on_when_they_have_ended() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK, 900), to(MOBILE, 900), to(MAILBOX, 100))
    house.sent[0].answer(603, "Decline")
    assert house.sent[1].cancels == [('SIP;cause=603;text="Decline"',)]
    assert caller.statuses == [100]
    house.sent[1].answer(487)
    assert (caller.statuses, house.sender.places) == ([100, 603], [DESK, MOBILE])


def test_a_2xx_that_crosses_a_6xx_wins() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(603)
    house.sent[1].answer(200)
    assert caller.statuses == [100, 200]


def test_a_target_that_cannot_be_reached_counts_as_503_and_is_told_as_500() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].fail(503)
    assert (caller.statuses, caller.last.reason) == ([100, 500], "Next hop unavailable")
    assert caller.last.to.tag == "proxy"


def test_a_target_that_does_not_answer_an_invite_counts_as_408() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].fail(408)
    assert (caller.statuses, caller.last.reason) == ([100, 408], "Request Timeout")


def test_a_target_that_cannot_be_reached_does_not_hide_the_answer_of_another() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].fail(503)
    house.sent[1].answer(486)
    assert caller.statuses == [100, 486]


def test_a_response_that_lost_our_clients_via_is_not_passed_on() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    sent = house.sent[0]
    vias = sent.request.get_all("Via")
    sent.request.set("Via", vias[0])
    sent.answer(180)
    assert caller.statuses == [100]
    sent.answer(486)
    assert (caller.statuses, caller.last.reason) == ([100, 502], "Next hop broke the Via header field")


# -- a request other than INVITE that nobody answers -------------------------------------------------------


def test_a_silent_branch_does_not_keep_the_refusal_of_another_until_it_is_too_late() -> None:
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK), to(MOBILE))
    house.sent[0].answer(415, "Unsupported Media Type")
    house.timers.advance(29.9)
    assert caller.statuses == []
    house.timers.advance(30.1)
    assert caller.statuses == [415]
    house.sent[1].fail(408)
    assert caller.statuses == [415]


def test_a_late_2xx_is_dropped() -> None:
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK), to(MOBILE))
    house.sent[0].answer(480)
    house.timers.advance(31.0)
    house.sent[1].answer(200)
    assert caller.statuses == [480]


def test_silence_ends_as_the_408_that_the_transaction_keeps_to_itself() -> None:
    # RFC 4320 §4.2: ServerTransaction.respond ends without sending it.
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK))
    house.sent[0].fail(408)
    assert caller.statuses == [408]


def test_when_patience_is_over_no_further_target_is_tried() -> None:
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK, 900), to(MOBILE, 100))
    house.timers.advance(31.0)
    house.sent[0].fail(408)
    assert (house.sender.places, caller.statuses) == ([DESK], [408])


# -- CANCEL ------------------------------------------------------------------------------------------------


def test_a_cancel_reaches_every_branch_with_its_reasons() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(180)
    reason = 'Q.850;cause=16;text="Terminated"'
    caller.hang_up(reason)
    assert [sent.cancels for sent in house.sent] == [[(reason,)], [(reason,)]]


def test_after_a_cancel_the_487_comes_back_by_itself() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    caller.hang_up()
    house.sent[0].answer(487)
    assert caller.statuses == [100]
    house.sent[1].answer(487)
    assert caller.statuses == [100, 487]


def test_after_a_cancel_no_further_target_is_tried() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK, 900), to(MAILBOX, 100))
    caller.hang_up()
    house.sent[0].answer(487)
    assert (house.sender.places, caller.statuses) == ([DESK], [100, 487])


def test_a_2xx_that_crosses_a_cancel_is_passed_on() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    caller.hang_up()
    house.sent[0].answer(200)
    assert caller.statuses == [100, 200]


def test_a_cancelled_branch_that_never_ends_is_given_up_and_the_caller_hears_487() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(180)
    caller.hang_up()
    house.timers.advance(31.9)
    assert caller.statuses == [100, 180]
    house.timers.advance(32.1)
    assert caller.statuses == [100, 180, 487]


def test_ringing_does_not_prolong_a_cancelled_branch() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    caller.hang_up()
    house.timers.advance(20.0)
    house.sent[0].answer(180)
    house.timers.advance(32.1)
    assert caller.statuses == [100, 180, 487]


def test_a_branch_is_cancelled_once() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK), to(MOBILE))
    caller.hang_up()
    house.sent[1].answer(603)
    assert len(house.sent[0].cancels) == 1


def test_a_cancel_after_the_final_answer_does_nothing() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(486)
    caller.hang_up()
    assert (caller.statuses, house.sent[0].cancels) == ([100, 486], [])


def test_only_an_invite_can_be_cancelled() -> None:
    house = House()
    caller = house.forward(request(MESSAGE), to(DESK))
    assert caller.on_cancel is None


# -- timer C -----------------------------------------------------------------------------------------------


def test_a_branch_that_rings_too_long_is_cancelled() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(180)
    house.timers.advance(189.9)
    assert house.sent[0].cancels == []
    house.timers.advance(190.1)
    assert house.sent[0].cancels == [('SIP;cause=408;text="Request Timeout"',)]
    house.sent[0].answer(487)
    assert caller.statuses == [100, 180, 487]


def test_ringing_again_starts_timer_c_anew_but_a_100_does_not() -> None:
    house = House(ProxySettings(timer_c=200.0))
    house.forward(request(INVITE), to(DESK))
    house.timers.advance(100.0)
    house.sent[0].answer(180)
    house.timers.advance(250.0)
    house.sent[0].answer(100)
    house.timers.advance(299.0)
    assert house.sent[0].cancels == []
    house.timers.advance(301.0)
    assert len(house.sent[0].cancels) == 1


def test_timer_c_without_any_answer_counts_as_408() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK, 900), to(MAILBOX, 100))
    house.timers.advance(191.0)
    assert house.sender.places == [DESK, MAILBOX]
    # Should it begin to ring after all, it is to stop.
    assert len(house.sent[0].cancels) == 1
    house.sent[1].answer(404)
    assert caller.statuses == [100, 404]


def test_nothing_is_left_in_the_timers_when_all_is_said() -> None:
    house = House()
    house.forward(request(INVITE), to(DESK), to(MOBILE))
    house.sent[0].answer(200)
    house.sent[1].answer(487)
    house.forward(request(MESSAGE), to(DESK))
    house.sent[2].answer(200)
    assert len(house.timers) == 0


# -- redirects ---------------------------------------------------------------------------------------------

RECURSE = ProxySettings(recurse=True)


def test_a_redirect_is_passed_on_by_default() -> None:
    house = House()
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(302, None, ("Contact", f"<{HOME}>"))
    assert (house.sender.places, caller.last.status, caller.last.get("Contact")) == ([DESK], 302, f"<{HOME}>")


def test_with_recursion_the_contacts_of_a_redirect_are_tried_by_their_q() -> None:
    house = House(RECURSE)
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(302, None, ("Contact", f"<{MAILBOX}>;q=0.1, <{HOME}>;q=0.9"))
    assert house.sender.places == [DESK, HOME]
    house.sent[1].answer(486)
    assert house.sender.places == [DESK, HOME, MAILBOX]
    house.sent[2].answer(200)
    assert caller.statuses == [100, 200]


def test_with_recursion_nothing_is_tried_twice() -> None:
    house = House(RECURSE)
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(302, None, ("Contact", f"<{HOME}>"))
    house.sent[1].answer(302, None, ("Contact", f"<{DESK}>"))
    assert (house.sender.places, caller.statuses) == ([DESK, HOME], [100, 302])


@pytest.mark.parametrize("contact", ["<tel:+15551234>", "<sip:carol@example.com>", "<sip:no.bracket"])
def test_with_recursion_what_cannot_be_tried_is_left_to_the_client(contact: str) -> None:
    house = House(RECURSE)
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(302, None, ("Contact", contact))
    assert (house.sender.places, caller.last.status, caller.last.get("Contact")) == ([DESK], 302, contact)


def test_with_recursion_a_caller_who_gave_up_is_not_sent_anywhere_else() -> None:
    house = House(RECURSE)
    caller = house.forward(request(INVITE), to(DESK))
    caller.hang_up()
    house.sent[0].answer(302, None, ("Contact", f"<{HOME}>"))
    assert (house.sender.places, caller.statuses) == ([DESK], [100, 302])


def test_recursion_ends_when_as_many_targets_as_the_breadth_were_tried() -> None:
    house = House(ProxySettings(recurse=True, max_breadth=2))
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(302, None, ("Contact", f"<{HOME}>, <{MOBILE}>"))
    house.sent[1].answer(486)
    assert house.sender.places == [DESK, HOME]
    assert (caller.last.status, caller.last.get_all("Contact")) == (302, [f"<{MOBILE}>"])


def test_with_recursion_a_sips_request_is_not_redirected_to_sip() -> None:
    house, message = House(RECURSE), request(INVITE)
    message.retarget("sips:bob@example.com")
    caller = house.forward(message, to("sips:bob@desk.example.net"))
    house.sent[0].answer(302, None, ("Contact", f"<{HOME}>"))
    assert caller.statuses == [100, 302]


def test_with_recursion_contacts_that_were_tried_are_no_longer_offered() -> None:
    house = House(RECURSE)
    caller = house.forward(request(INVITE), to(DESK))
    house.sent[0].answer(302, None, ("Contact", f"<{HOME}>, <tel:+15551234>"))
    house.sent[1].answer(486)
    assert (caller.last.status, caller.last.get_all("Contact")) == (302, ["<tel:+15551234>"])
