"""Every captured request of a real client through the whole server, and every captured answer.

Each request comes three ways: without credentials (challenged), with those of the capture, which are for
another server's nonce (challenged again, stale), and with those that the client would have computed for ours.
"""

from __future__ import annotations

import re

import pytest

from presence.directory import shown
from presence.documents.multipart import parse_multipart
from presence.documents.rlmi import parse_rlmi
from sip.headers import Contact
from sip.message import Request, Response
from tests.presence.house import TRUSTED, House, requests
from tests.presence.phones import (
    CREDENTIALS,
    FILES,
    Phone,
    answer_from,
    client_of,
    first_attempt,
    is_request,
    need_captures,
    request_in,
    signed,
    value,
    with_branch,
    with_value,
    without,
)

need_captures()

GROUPS = {
    "register": r".+-REGISTER",
    "unregister": r".+-REGISTER-unreg",
    "publish": r"(?!kamailio).+-PUBLISH(-open|-closed|-open-busy)?",
    "modify": r"(?!kamailio).+-PUBLISH-(.+-mod|busy)",
    "remove": r"(?!pjsua2-tls).+-PUBLISH-nobody-remove",
    "remove what was never published": r"pjsua2-tls-PUBLISH-nobody-remove",
    "subscribe": r"(?!kamailio|linphone-rls).+-SUBSCRIBE",
    "unsubscribe": r"(?!linphone-rls).+(?<!summary)(?<=SUBSCRIBE)-unsub",
    "subscribe to message summary": r".+-SUBSCRIBE-message-summary",
    "unsubscribe from message summary": r".+-SUBSCRIBE-message-summary-unsub",
    "subscribe to a list": r"linphone-rls-SUBSCRIBE(-unsub)?",
    "message": r".+(?<!-200)-MESSAGE",
    "notification by message": r".+-MESSAGE-(im-iscomposing|imdn)\+xml",
    "options": r"sipsak-OPTIONS",
    "trusted publish": r"kamailio-pua-PUBLISH-open",
    "trusted modify": r"kamailio-pua-PUBLISH-closed-mod",
    "trusted subscribe": r"kamailio-rls-SUBSCRIBE",
    "trusted notify": r"kamailio-rls-NOTIFY",
    "answer to NOTIFY": r".+-200-NOTIFY",
    "answer to the last NOTIFY": r".+-481-NOTIFY",
    "answer to MESSAGE": r".+-200-MESSAGE",
}
"""Which situation a file is from; a file is from one."""


def group(*names: str) -> list[str]:
    return [stem for stem in FILES if any(re.fullmatch(GROUPS[name], stem) for name in names)]


def captured(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stem", group(*names))


@pytest.mark.parametrize("stem", FILES)
def test_every_capture_has_its_situation(stem: str) -> None:
    (name,) = [name for name in GROUPS if stem in group(name)]
    assert name.startswith("answer") is not is_request(stem)


@pytest.mark.parametrize("name", GROUPS)
def test_every_situation_has_a_capture(name: str) -> None:
    assert group(name)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def trusting() -> House:
    """A server with a trusted Kamailio on the same machine."""
    return House(trust=("127.0.0.1/32", f"{TRUSTED}/32"))


def basic(document: bytes) -> list[str]:
    return re.findall(r"<basic>(\w+)</basic>", document.decode())


def pidf(aor: str, state: str) -> bytes:
    return (
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{aor}">'
        f'<tuple id="earlier"><status><basic>{state}</basic></status></tuple></presence>'
    ).encode()


# -- who are you? --------------------------------------------------------------------------------------------

CHALLENGED = [
    "register",
    "unregister",
    "publish",
    "modify",
    "remove",
    "remove what was never published",
    "subscribe",
    "unsubscribe",
    "subscribe to message summary",
    "unsubscribe from message summary",
    "message",
    "notification by message",
]


@captured(*CHALLENGED)
def test_without_credentials_the_answer_is_a_challenge_with_md5(stem: str, house: House) -> None:
    (answer,) = Phone(house, stem).send(without(FILES[stem], *CREDENTIALS))
    proxy = request_in(FILES[stem]).method == "MESSAGE"
    assert answer.status == (407 if proxy else 401)
    (challenge,) = answer.get_all("Proxy-Authenticate" if proxy else "WWW-Authenticate")
    assert re.fullmatch(r'Digest realm="sip\.test", nonce="[^"]+", qop="auth", algorithm=MD5', challenge)


@pytest.mark.parametrize(
    "stem", [stem for stem in group(*CHALLENGED) if any(value(FILES[stem], name) for name in CREDENTIALS)]
)
def test_credentials_for_the_nonce_of_another_server_are_stale(stem: str, house: House) -> None:
    (answer,) = Phone(house, stem).send(FILES[stem])
    assert answer.status in (401, 407)
    assert answer.reason == "Nonce expired or used"
    assert "stale=true" in (answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate") or "")


@captured(*CHALLENGED)
def test_a_wrong_password_is_not_let_in(stem: str, house: House) -> None:
    phone, data = Phone(house, stem), FILES[stem]
    (challenge,) = phone.send(first_attempt(data))
    (answer,) = phone.send(signed(data, challenge, like=phone.form(), password="Secret"))
    assert (answer.status, answer.reason) == (challenge.status, "Wrong user name or password")


# -- REGISTER ------------------------------------------------------------------------------------------------


@captured("register")
def test_a_client_registers(stem: str, house: House) -> None:
    data = FILES[stem]
    # sipsak's socket is not the one that its Via names.
    answer = Phone(house, stem, port=40001 if stem.startswith("sipsak") else None).ask(data)
    assert answer.status == 200
    (asked,) = request_in(data).contacts
    granted = Contact.parse(answer.get("Contact") or "")
    assert granted.uri_text == asked.uri_text
    assert granted.expires == (asked.expires if asked.expires is not None else request_in(data).expires)
    assert answer.get("Date")


@captured("unregister")
def test_a_client_unregisters(stem: str, house: House) -> None:
    data = FILES[stem]
    phone = Phone(house, stem)
    (contact,) = request_in(data).contacts
    registering = with_value(with_value(data, "Expires", "600"), "Call-ID", "earlier")
    registering = with_branch(with_value(registering, "Contact", f"<{contact.uri_text}>"), "b")
    assert phone.ask(registering).get_all("Contact")
    answer = phone.ask(data)
    assert answer.status == 200
    assert answer.get_all("Contact") == []


# -- PUBLISH -------------------------------------------------------------------------------------------------


def shown_in(stem: str) -> tuple[str, str]:
    """What a file name says: the basic status, and the activity that goes with it."""
    state = "closed" if "closed" in stem else "open"
    return state, "busy" if "busy" in stem else "away" if "away" in stem else ""


def ask(stem: str, data: bytes, house: House) -> Response:
    """Kamailio knows no digest: it is trusted, or nothing."""
    if stem in group("trusted publish", "trusted modify"):
        (answer,) = Phone(house, stem).send(data)
        return answer
    return Phone(house, stem).ask(data)


def check_first_publication(stem: str, house: House) -> None:
    data = FILES[stem]
    answer = ask(stem, data, house)
    assert answer.status == 200
    assert answer.get("SIP-ETag")
    # pjsip asks for no lifetime.
    assert answer.get("Expires") == (value(data, "Expires") or "3600")
    state, activity = shown_in(stem)
    document = house.document(request_in(data).to.uri.aor)
    assert basic(document) == [state]
    assert activity.encode() in document


@captured("publish")
def test_a_first_publication_is_shown_and_gets_an_entity_tag(stem: str, house: House) -> None:
    check_first_publication(stem, house)


@captured("trusted publish")
def test_a_trusted_peer_publishes_for_a_user(stem: str, trusting: House) -> None:
    check_first_publication(stem, trusting)


@captured("modify")
def test_a_modification_needs_the_tag_that_is_current(stem: str, house: House) -> None:
    data = FILES[stem]
    answer = Phone(house, stem).ask(data)
    assert answer.status == 412
    assert basic(house.document(request_in(data).to.uri.aor)) == ["closed"]


def check_modification(stem: str, house: House) -> None:
    data = FILES[stem]
    aor = request_in(data).to.uri.aor
    state, activity = shown_in(stem)
    before = house.publish(aor, pidf(aor, "open" if state == "closed" else "closed"))
    assert basic(house.document(aor)) != [state]
    answer = ask(stem, with_value(data, "SIP-If-Match", before), house)
    assert answer.status == 200
    assert answer.get("SIP-ETag") not in (None, before)
    document = house.document(aor)
    assert basic(document) == [state]
    assert activity.encode() in document


@captured("modify")
def test_a_modification_replaces_what_was_published(stem: str, house: House) -> None:
    check_modification(stem, house)


@captured("trusted modify")
def test_a_trusted_peer_modifies_what_it_published(stem: str, trusting: House) -> None:
    check_modification(stem, trusting)


@captured("remove")
def test_a_removal_needs_the_tag_that_is_current(stem: str, house: House) -> None:
    assert Phone(house, stem).ask(FILES[stem]).status == 412


@captured("remove")
def test_a_removal_takes_the_publication_away(stem: str, house: House) -> None:
    data = FILES[stem]
    aor = request_in(data).to.uri.aor
    tag = house.publish(aor, pidf(aor, "open"))
    answer = Phone(house, stem).ask(with_value(data, "SIP-If-Match", tag))
    assert answer.status == 200
    assert answer.get("Expires") == "0"
    assert basic(house.document(aor)) == ["closed"]


@captured("remove what was never published")
def test_a_removal_of_nothing_is_refused(stem: str, house: House) -> None:
    answer = Phone(house, stem).ask(FILES[stem])
    assert (answer.status, answer.reason) == (400, "Nothing to publish: no body and no SIP-If-Match")


# -- SUBSCRIBE and NOTIFY ------------------------------------------------------------------------------------


def subscribed(stem: str, house: House) -> tuple[Phone, Request]:
    """A client subscribes; the first NOTIFY, not yet answered."""
    phone = Phone(house, stem)
    answer = phone.ask(FILES[stem])
    assert answer.status == 200
    (notify,) = requests(phone.flow, "NOTIFY")
    return phone, notify


@captured("subscribe")
def test_a_subscriber_is_accepted_and_notified_on_the_same_flow(stem: str, house: House) -> None:
    asked = request_in(FILES[stem])
    house.publish(asked.to.uri.aor, pidf(asked.to.uri.aor, "open"))
    phone = Phone(house, stem)
    answer, expires = phone.ask(FILES[stem]), value(FILES[stem], "Expires")
    assert (answer.status, answer.get("Expires")) == (200, expires)
    assert answer.to.tag
    assert answer.get("Contact")
    (notify,) = requests(phone.flow, "NOTIFY")
    assert notify.uri_text == asked.contacts[0].uri_text
    assert (notify.call_id, notify.to.tag, notify.from_.tag) == (
        asked.call_id,
        asked.from_.tag,
        answer.to.tag,
    )
    assert notify.get("Event") == "presence"
    assert notify.get("Subscription-State") == f"active;expires={expires}"
    assert notify.get("Content-Type") == "application/pidf+xml"
    assert basic(notify.body) == ["open"]
    assert house.network.opened == []


def test_a_trusted_list_server_subscribes_for_a_user(trusting: House) -> None:
    kamailio = Phone(trusting, "kamailio-rls-SUBSCRIBE")
    (answer,) = kamailio.send(FILES["kamailio-rls-SUBSCRIBE"])
    assert (answer.status, answer.get("Expires")) == (200, "70")
    (notify,) = requests(kamailio.flow, "NOTIFY")
    assert notify.uri_text == "sip:rls@127.0.0.1:5180"
    assert basic(notify.body) == ["closed"]


@captured("trusted publish", "trusted modify", "trusted subscribe")
def test_what_a_trusted_peer_may_do_a_stranger_may_not(stem: str, house: House) -> None:
    assert Phone(house, stem).send(FILES[stem])[0].status == 401


def test_a_notify_of_another_server_is_passed_on_for_a_trusted_peer(trusting: House) -> None:
    data = FILES["kamailio-rls-NOTIFY"]
    kamailio = Phone(trusting, "kamailio-rls-NOTIFY")
    assert kamailio.send(data) == []
    watcher = trusting.network.at("127.0.0.1", 5180)
    (notify,) = requests(watcher, "NOTIFY")
    assert (notify.uri_text, notify.max_forwards) == ("sip:rls@127.0.0.1:5180", 69)
    assert notify.body == request_in(data).body
    trusting.respond(notify, flow=watcher)
    assert kamailio.flow.statuses == [200]


def test_a_notify_of_another_server_is_not_passed_on_for_a_stranger(house: House) -> None:
    stem = "kamailio-rls-NOTIFY"
    assert [answer.status for answer in Phone(house, stem).send(FILES[stem])] == [407]
    assert house.network.at("127.0.0.1", 5180).sent == []


@captured("unsubscribe")
def test_a_subscriber_who_leaves_gets_the_last_notify(stem: str, house: House) -> None:
    phone, first = subscribed(stem.removesuffix("-unsub"), house)
    house.respond(first, flow=phone.flow)
    to = re.sub(r"tag=.*", f"tag={first.from_.tag}", value(FILES[stem], "To") or "")
    answer = phone.ask(with_value(FILES[stem], "To", to))
    assert (answer.status, answer.get("Expires")) == (200, "0")
    *_, last = requests(phone.flow, "NOTIFY")
    assert last.get("Subscription-State") == "terminated;reason=timeout"
    assert last.cseq.number == first.cseq.number + 1
    house.respond(last, flow=phone.flow)
    aor = first.from_.uri.aor
    house.publish(aor, pidf(aor, "open"))
    assert requests(phone.flow, "NOTIFY")[-1].cseq == last.cseq


@captured("unsubscribe")
def test_who_leaves_a_subscription_that_is_not_known_is_told_so(stem: str, house: House) -> None:
    assert Phone(house, stem).ask(FILES[stem]).status == 481


@captured("subscribe to message summary")
def test_who_asks_for_his_messages_is_told_that_there_are_none(stem: str, house: House) -> None:
    _, notify = subscribed(stem, house)
    assert notify.get("Event") == "message-summary"
    assert notify.get("Content-Type") == "application/simple-message-summary"
    assert notify.body.startswith(b"Messages-Waiting: no\r\nMessage-Account: sip:")


@captured("unsubscribe from message summary")
def test_who_asks_no_more_for_his_messages_gets_the_last_notify(stem: str, house: House) -> None:
    phone, first = subscribed(stem.removesuffix("-unsub"), house)
    house.respond(first, flow=phone.flow)
    to = re.sub(r"tag=.*", f"tag={first.from_.tag}", value(FILES[stem], "To") or "")
    assert phone.ask(with_value(FILES[stem], "To", to)).status == 200
    assert requests(phone.flow, "NOTIFY")[-1].get("Subscription-State") == "terminated;reason=timeout"


LIST = "linphone-rls-SUBSCRIBE"


def test_a_list_in_the_request_is_served_in_the_form_that_the_client_reads(house: House) -> None:
    house.publish("sip:bob@sip.test", pidf("sip:bob@sip.test", "open"))
    phone = Phone(house, LIST)
    answer = phone.ask(FILES[LIST])
    assert (answer.status, answer.get("Require"), answer.get("Expires")) == (200, "eventlist", "3600")
    (notify,) = requests(phone.flow, "NOTIFY")
    assert notify.get("Require") == "eventlist"
    media_type = notify.get("Content-Type") or ""
    # It crashes where the boundary is quoted, and where the body does not begin with it.
    found = re.fullmatch(r"multipart/related;.*;boundary=(\w+)", media_type)
    assert found is not None
    assert notify.body.startswith(f"--{found[1]}\r\n".encode())
    root, bob, carol = parse_multipart(media_type, notify.body).parts
    assert [resource.uri for resource in parse_rlmi(root.body).resources] == [
        "sip:bob@sip.test",
        "sip:carol@sip.test",
    ]
    assert (basic(bob.body), basic(carol.body)) == (["open"], ["closed"])


def test_a_client_leaves_its_list_with_a_last_notify(house: House) -> None:
    phone, first = subscribed(LIST, house)
    house.respond(first, flow=phone.flow)
    unsubscribe = with_value(
        FILES[f"{LIST}-unsub"], "To", f"{value(FILES[LIST], 'To')};tag={first.from_.tag}"
    )
    assert phone.ask(unsubscribe).status == 200
    *_, last = requests(phone.flow, "NOTIFY")
    assert last.get("Subscription-State") == "terminated;reason=timeout"
    assert house.journal.load("subscription") == []


def test_the_list_comes_again_with_a_refresh_and_does_no_harm(house: House) -> None:
    phone, first = subscribed(LIST, house)
    house.respond(first, flow=phone.flow)
    again = with_value(FILES[LIST], "To", f"{value(FILES[LIST], 'To')};tag={first.from_.tag}")
    again = with_value(with_branch(again, "r"), "CSeq", "31 SUBSCRIBE")
    assert phone.ask(again).status == 200
    _, second = requests(phone.flow, "NOTIFY")
    assert basic(second.body) == ["closed", "closed"]


def test_who_leaves_a_list_that_is_not_known_is_told_so(house: House) -> None:
    assert Phone(house, LIST).ask(FILES[f"{LIST}-unsub"]).status == 481


ELSEWHERE = {
    "libpurple": "libpurple-udp-SUBSCRIBE",
    # Its own SUBSCRIBEs are for lists; it is the same program.
    "linphone-rls": "liblinphone-SUBSCRIBE",
}


def subscribe_of(stem: str) -> str:
    """The SUBSCRIBE of the client that gave an answer."""
    return ELSEWHERE.get(client_of(stem)) or f"{client_of(stem)}-SUBSCRIBE"


@captured("answer to NOTIFY")
def test_a_captured_answer_ends_the_notify_transaction_and_keeps_the_subscription(
    stem: str, house: House
) -> None:
    phone, first = subscribed(subscribe_of(stem), house)
    phone.answer(first, FILES[stem])
    house.after(5.0)
    sent = len(phone.flow.methods)
    assert sent == 1, "the NOTIFY was sent again"
    aor = first.from_.uri.aor
    house.publish(aor, pidf(aor, "open"))
    _, second = requests(phone.flow, "NOTIFY")
    assert second.cseq.number == first.cseq.number + 1
    assert basic(second.body) == ["open"]
    assert house.parts.stats.notifies_failed == 0
    assert house.parts.stats.malformed == 0


@captured("answer to the last NOTIFY")
def test_a_client_that_has_forgotten_the_dialog_is_no_failure_at_its_end(stem: str, house: House) -> None:
    subscribe = subscribe_of(stem)
    phone, first = subscribed(subscribe, house)
    house.respond(first, flow=phone.flow)
    to = f"{value(FILES[subscribe], 'To')};tag={first.from_.tag}"
    unsubscribe = FILES[f"{subscribe}-unsub"]
    assert phone.ask(with_value(unsubscribe, "To", to)).status == 200
    *_, last = requests(phone.flow, "NOTIFY")
    phone.answer(last, FILES[stem])
    sent = len(phone.flow.sent)
    house.after(40.0)
    assert len(phone.flow.sent) == sent
    assert house.parts.stats.notifies_failed == 0
    assert house.journal.load("subscription") == []


@captured("answer to the last NOTIFY")
def test_a_client_that_has_forgotten_a_live_dialog_is_notified_no_more(stem: str, house: House) -> None:
    phone, first = subscribed(subscribe_of(stem), house)
    phone.answer(first, FILES[stem])
    aor = first.from_.uri.aor
    house.publish(aor, pidf(aor, "open"))
    assert requests(phone.flow, "NOTIFY") == [first]
    assert house.journal.load("subscription") == []


# -- MESSAGE -------------------------------------------------------------------------------------------------


def body_of(stem: str) -> bytes:
    return request_in(FILES[stem]).body


@captured("message", "notification by message")
def test_a_message_goes_to_the_phone_of_its_recipient_as_it_is(stem: str, house: House) -> None:
    asked = request_in(FILES[stem])
    aor = asked.uri.aor
    recipient = house.network.at(TRUSTED, 5080)
    house.register(aor, recipient, f"<sip:phone@{TRUSTED}:5080>")
    phone = Phone(house, stem)
    assert phone.prove(FILES[stem]) == []
    (forwarded,) = requests(recipient, "MESSAGE")
    assert forwarded.uri_text == f"sip:phone@{TRUSTED}:5080"
    assert forwarded.body == asked.body
    for name in ("Content-Type", "Content-Encoding", "From", "To", "Call-ID"):
        assert forwarded.get(name) == asked.get(name)
    assert forwarded.max_forwards == (asked.max_forwards or 70) - 1
    assert not any(name in forwarded for name in CREDENTIALS)
    house.respond(forwarded, flow=recipient)
    assert phone.flow.statuses[-1] == 200


@captured("message")
def test_a_message_for_nobody_there_waits_for_him(stem: str, house: House) -> None:
    phone = Phone(house, stem)
    assert phone.ask(FILES[stem]).status == 202
    recipient = house.network.at(TRUSTED, 5080)
    house.register(request_in(FILES[stem]).uri.aor, recipient, f"<sip:phone@{TRUSTED}:5080>")
    (delivered,) = requests(recipient, "MESSAGE")
    assert delivered.body == body_of(stem)
    assert delivered.get("Date")
    assert delivered.from_.uri.aor == request_in(FILES[stem]).from_.uri.aor
    house.respond(delivered, flow=recipient)
    assert house.journal.load("message") == []


@captured("notification by message")
def test_a_notification_for_nobody_there_is_not_stored(stem: str, house: House) -> None:
    answer = Phone(house, stem).ask(FILES[stem])
    assert (answer.status, answer.reason) == (480, "Recipient is not there")
    assert house.journal.load("message") == []


@captured("answer to MESSAGE")
def test_a_captured_answer_to_a_message_reaches_its_sender(stem: str, house: House) -> None:
    register = f"{client_of(stem)}-REGISTER"
    phone = Phone(house, register)
    assert phone.ask(FILES[register]).status == 200
    aor = request_in(FILES[register]).to.uri.aor
    house.receive(
        f"""
        MESSAGE {aor} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED};branch=z9hG4bKmessage
        Max-Forwards: 70
        From: <sip:carol@sip.test>;tag=c1
        To: <{aor}>
        Call-ID: message@{TRUSTED}
        CSeq: 7 MESSAGE
        Content-Type: text/plain
        """,
        body=b"hello " + shown(aor).encode(),
    )
    (forwarded,) = requests(phone.flow, "MESSAGE")
    phone.answer(forwarded, FILES[stem])
    (answer,) = [message for message in house.peer.messages if not isinstance(message, Request)]
    assert answer.status == 200
    assert answer.get_all("Via") == [f"SIP/2.0/UDP {TRUSTED};branch=z9hG4bKmessage"]
    assert house.parts.stats.stray_responses == 0


@captured("answer to NOTIFY", "answer to the last NOTIFY", "answer to MESSAGE")
def test_an_answer_to_nothing_of_ours_is_dropped(stem: str, house: House) -> None:
    house.receive(FILES[stem])
    assert house.peer.sent == []
    assert house.parts.stats.stray_responses == 1


# -- OPTIONS -------------------------------------------------------------------------------------------------


def test_options_tells_what_the_server_can_do(house: House) -> None:
    stem = "sipsak-OPTIONS"
    phone = Phone(house, stem, port=40001)
    (answer,) = phone.send(FILES[stem])
    assert answer.status == 200
    assert {"REGISTER", "PUBLISH", "SUBSCRIBE", "MESSAGE", "OPTIONS"} <= set(answer.values("Allow"))
    assert answer.values("Accept") == [
        "application/pidf+xml",
        "application/pidf-diff+xml",
        "application/dialog-info+xml",
        "application/simple-message-summary",
    ]
    assert answer.values("Supported") == ["path", "eventlist", "recipient-list-subscribe"]
    assert answer.values("Allow-Events") == [
        "presence",
        "presence.winfo",
        "dialog",
        "message-summary",
        "reg",
        "uc-config-change",
    ]


def test_a_changed_answer_is_still_the_clients_own() -> None:
    request = request_in(FILES["kamailio-rls-NOTIFY"])
    answer = answer_from(FILES["libpurple-200-NOTIFY"], request)
    assert b"Subscription-State: active;expires=1200\r\n" in answer
    assert value(answer, "Call-ID") == request.call_id
