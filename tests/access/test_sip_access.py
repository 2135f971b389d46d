"""Who may do what by SIP: every cell of the table in docs/security.md is tried against the whole server."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.access.table import Cell, check_complete, parametrised
from tests.access.world import (
    ALIAS,
    BOB,
    ELSEWHERE,
    PBX,
    PHONE,
    PIDF,
    ROLES,
    Role,
    World,
)
from tests.presence.house import ALICE, DOMAIN

SECTION = "SIP"
DIALOGS = (
    b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full"'
    b' entity="sip:alice@sip.test"/>'
)
BODIES = {
    "presence": ("application/pidf+xml", PIDF),
    "dialog": ("application/dialog-info+xml", DIALOGS),
    "message-summary": ("application/simple-message-summary", b"Messages-Waiting: no\r\n"),
}

Attempt = Callable[[World, Role], str]


def register(*headers: str, to: str = ALICE, says: str = "") -> Attempt:
    return lambda world, role: world.ask(role, "REGISTER", f"sip:{DOMAIN}", to, *headers, says=says)


def publish(package: str, whose: str = ALICE, *, publisher: bool = False) -> Attempt:
    kind, body = BODIES.get(package, BODIES["presence"])

    def attempt(world: World, role: Role) -> str:
        if publisher and role.proves == "bob":
            role = Role(role.host, PBX, "pbx")
        return world.ask(
            role, "PUBLISH", whose, whose, f"Event: {package}", f"Content-Type: {kind}", body=body
        )

    return attempt


def change_publication(*headers: str, own: bool = False) -> Attempt:
    """With the entity-tag of a publication of alice's; `own`: at the address of who asks."""

    def attempt(world: World, role: Role) -> str:
        whose = role.says if own else ALICE
        etag = world.published()
        return world.ask(role, "PUBLISH", whose, whose, "Event: presence", f"SIP-If-Match: {etag}", *headers)

    return attempt


def subscribe(
    package: str, whom: str = ALICE, *headers: str, expires: int = 600, blocked: bool = False, says: str = ""
) -> Attempt:
    def attempt(world: World, role: Role) -> str:
        if blocked and role.proves == "bob":
            role = Role(role.host, f"sip:dave@{DOMAIN}", "dave")
        contact = f"Contact: <sip:me@{role.host}:40000>"
        event = f"Event: {package}"
        lasts = f"Expires: {expires}"
        return world.ask(role, "SUBSCRIBE", whom, whom, event, contact, lasts, *headers, says=says)

    return attempt


def subscribe_to_list(whom: str) -> Attempt:
    accept = "Accept: application/pidf+xml, application/rlmi+xml, multipart/related"
    return subscribe("presence", whom, "Supported: eventlist", accept)


def within_subscription(expires: int, *, says: str | None = None) -> Attempt:
    def attempt(world: World, role: Role) -> str:
        tag = world.subscribed()
        text = world.request(
            role, "SUBSCRIBE", f"sip:{DOMAIN}", f"{BOB};tag={tag}", "Event: presence", f"Expires: {expires}",
            f"Contact: <sip:me@{role.host}:40000>", call="watching", cseq=1000, says=says,
        )  # fmt: skip
        return world.send(role, text)

    return attempt


def to(whom: str, method: str, *headers: str, says: str | None = None) -> Attempt:
    def attempt(world: World, role: Role) -> str:
        return world.ask(role, method, whom, whom, *headers, body=b"hello", says=says or "")

    return attempt


def message(whom: str, **more: str) -> Attempt:
    return to(whom, "MESSAGE", "Content-Type: text/plain", **more)


def invite(whom: str, **more: str) -> Attempt:
    return lambda world, role: to(whom, "INVITE", f"Contact: <sip:me@{role.host}:40000>", **more)(world, role)


def within_call(method: str, *, marked: bool) -> Attempt:
    """A request within a call of carol's with alice; `marked`: with the Route that its ends were given."""

    def attempt(world: World, role: Role) -> str:
        carol = Role("203.0.113.99", f"sip:carol@{DOMAIN}", "carol")
        given = world.calling(carol).get("Record-Route") or ""
        assert ";d=" in given
        route = given if marked else "<sip:127.0.0.1:5160;lr;d=0123456789abcdef>"
        text = world.request(
            role, method, f"sip:alice@{PHONE}:5060", f"{ALICE};tag=phone", f"Route: {route}",
            f"Contact: <sip:me@{role.host}:40000>", call="talk", cseq=1000,
        )  # fmt: skip
        return world.send(role, text)

    return attempt


def cancel(world: World, role: Role) -> str:
    """Of a call that the owner makes, whose branch everybody knows who sees its Vias."""
    owner = ROLES["the owner"]
    via = world.calling(owner).get_all("Via")[-1]
    text = world.request(role, "CANCEL", ALICE, ALICE, call="talk")
    lines = [line if not line.startswith("Via:") else f"Via: {via}" for line in text.splitlines()]
    return world.send(role, "\n".join(lines))


def nobody_there(world: World, role: Role) -> str:
    return message(f"sip:carol@{DOMAIN}")(world, role)


ATTEMPTS: Mapping[str, Attempt] = {
    "REGISTER a contact of alice": register("Contact: <sip:alice@192.0.2.99>"),
    "REGISTER: ask for alice's contacts": register(),
    "REGISTER: remove all contacts of alice": register("Contact: *", "Expires: 0"),
    "REGISTER by an alias of alice": register("Contact: <sip:alice@192.0.2.99>", to=ALIAS),
    "REGISTER a contact of alice in the name of bob": register("Contact: <sip:alice@192.0.2.99>", says=BOB),
    "REGISTER a user who does not exist": register(to=f"sip:nobody@{DOMAIN}"),
    "REGISTER in a domain of others": register(to=ELSEWHERE),
    **{f"PUBLISH `{package}` of alice": publish(package) for package in BODIES},
    "PUBLISH: refresh what alice published": change_publication("Expires: 600"),
    "PUBLISH: withdraw what alice published": change_publication("Expires: 0"),
    "PUBLISH: one's own, with alice's entity-tag": change_publication("Expires: 0", own=True),
    "PUBLISH a package that is not published": publish("reg"),
    "PUBLISH `dialog` of alice, the other user being one of `publishers`": publish("dialog", publisher=True),
    "PUBLISH `message-summary` of alice, the other user being one of `publishers`": publish(
        "message-summary", publisher=True
    ),
    "PUBLISH `presence` of alice, the other user being one of `publishers`": publish(
        "presence", publisher=True
    ),
    "PUBLISH of a user who does not exist": publish("presence", f"sip:nobody@{DOMAIN}"),
    "SUBSCRIBE to `presence` of alice": subscribe("presence"),
    "SUBSCRIBE to `presence` of alice, whose rules block the other user": subscribe("presence", blocked=True),
    "SUBSCRIBE to `presence`, once (Expires: 0)": subscribe("presence", expires=0),
    "SUBSCRIBE to `presence` of alice in the name of somebody elsewhere": subscribe(
        "presence", says=ELSEWHERE
    ),
    "SUBSCRIBE to `dialog` of alice": subscribe("dialog"),
    "SUBSCRIBE to `dialog` of alice, whose rules block the other user": subscribe("dialog", blocked=True),
    "SUBSCRIBE to `presence.winfo` of alice": subscribe("presence.winfo"),
    "SUBSCRIBE to `presence.winfo`, once (Expires: 0)": subscribe("presence.winfo", expires=0),
    "SUBSCRIBE to `message-summary` of alice": subscribe("message-summary"),
    "SUBSCRIBE to `reg` of alice": subscribe("reg"),
    "SUBSCRIBE to `reg`, once (Expires: 0)": subscribe("reg", expires=0),
    "SUBSCRIBE to `uc-config-change` of alice": subscribe("uc-config-change"),
    "SUBSCRIBE to alice's contact list": subscribe_to_list(f"sip:alice+contacts@{DOMAIN}"),
    "SUBSCRIBE to a group of alice's contacts": subscribe_to_list(f"sip:alice+contacts.work@{DOMAIN}"),
    "SUBSCRIBE to a package that nobody knows": subscribe("weather"),
    "SUBSCRIBE to a user who does not exist": subscribe("presence", f"sip:nobody@{DOMAIN}"),
    "SUBSCRIBE within a subscription of alice's": within_subscription(600),
    "SUBSCRIBE that ends a subscription of alice's": within_subscription(0),
    "SUBSCRIBE within alice's, in her name": within_subscription(600, says=ALICE),
    "MESSAGE to alice": message(ALICE),
    "MESSAGE to a user who is not there": nobody_there,
    "MESSAGE to alice in alice's name": message(ALICE, says=ALICE),
    "MESSAGE to alice in the name of somebody elsewhere": message(ALICE, says=ELSEWHERE),
    "MESSAGE to elsewhere": message(ELSEWHERE),
    "MESSAGE to elsewhere in the name of somebody elsewhere": message(ELSEWHERE, says=ELSEWHERE),
    "INVITE to alice": invite(ALICE),
    "INVITE to alice in alice's name": invite(ALICE, says=ALICE),
    "INVITE to elsewhere": invite(ELSEWHERE),
    "INVITE to elsewhere in the name of somebody elsewhere": invite(ELSEWHERE, says=ELSEWHERE),
    "INVITE to a user who does not exist": invite(f"sip:nobody@{DOMAIN}"),
    **{
        f"{method} to alice": to(ALICE, method, *headers)
        for method, *headers in (
            ("OPTIONS",),
            ("NOTIFY", "Event: presence", "Subscription-State: active", f"Contact: <sip:me@{PHONE}>"),
            ("REFER", "Refer-To: <sip:carol@elsewhere.example>", f"Contact: <sip:me@{PHONE}>"),
            ("INFO",),
            ("BYE",),
            ("UPDATE", f"Contact: <sip:me@{PHONE}>"),
            ("PRACK", "RAck: 1 1 INVITE"),
        )
    },
    "A method that nobody knows, to alice": to(ALICE, "FROBNICATE"),
    "OPTIONS to the server": to(f"sip:{DOMAIN}", "OPTIONS"),
    "INVITE to the server": invite(f"sip:{DOMAIN}"),
    "MESSAGE to the server": message(f"sip:{DOMAIN}"),
    "BYE in a call, with the mark of its dialog": within_call("BYE", marked=True),
    "BYE in a call, with a mark made up": within_call("BYE", marked=False),
    "ACK in a call, with the mark of its dialog": within_call("ACK", marked=True),
    "ACK in a call, with a mark made up": within_call("ACK", marked=False),
    "CANCEL of a call that alice makes": cancel,
    "CANCEL of nothing": to(ALICE, "CANCEL"),
}


@parametrised(SECTION)
def test_everybody_gets_what_the_table_says(cell: Cell) -> None:
    assert ATTEMPTS[cell.request](World(), ROLES[cell.role]) == cell.outcome


def test_the_table_has_a_row_for_each_request_that_is_tried() -> None:
    check_complete(SECTION, ATTEMPTS)
