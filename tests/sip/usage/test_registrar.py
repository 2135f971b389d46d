"""REGISTER, by RFC 3261 §10.3 with Path, Service-Route and the binding rules of RFC 5626 §6."""

from __future__ import annotations

import pytest

from sip.headers import Contact
from sip.message import Response
from sip.uri import Uri, parse_uri
from sip.usage.location import Binding, Location
from sip.usage.registrar import Registrar, RegistrarSettings
from tests.sip.usage.fakes import Directory, Handler, MemoryJournal, sip

ALICE = "sip:alice@example.com"
PHONE = "Contact: <sip:alice@192.0.2.4:5060>"


def register(*headers: str, call_id: str = "a1", cseq: int = 1, to: str = "<sip:alice@example.com>") -> bytes:
    lines = "\n".join(headers)
    return sip(f"""
        REGISTER sip:example.com SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKnashds{cseq}
        From: {to};tag=456248
        To: {to}
        Call-ID: {call_id}
        CSeq: {cseq} REGISTER
        User-Agent: test/1.0
        {lines}
    """)


class House(Handler):
    """A registrar with everything around it, as far as these tests look at it."""

    def __init__(
        self, settings: RegistrarSettings | None = None, journal: MemoryJournal | None = None
    ) -> None:
        self.journal = journal or MemoryJournal()
        super().__init__(lambda sr: self.registrar.handle(sr), self.journal)
        self.registrar = Registrar(
            Location(), Directory(), self.journal, self.timers, settings or RegistrarSettings(), self.wall
        )
        self.changes: list[tuple[str, str]] = []
        self.registered: list[Binding] = []
        self.registrar.on_change.append(lambda aor, kind: self.changes.append((aor, kind)))
        self.registrar.on_register.append(lambda aor, binding: self.registered.append(binding))

    @property
    def contacts(self) -> list[str]:
        return [binding.uri_text for binding in self.registrar.bindings(ALICE)]

    def ok(self, *headers: str, call_id: str = "a1", cseq: int = 1) -> Response:
        answer = self.send(register(*headers, call_id=call_id, cseq=cseq))
        assert answer is not None
        assert answer.status == 200, answer.start_line
        return answer

    def refused(self, *headers: str, call_id: str = "a1", cseq: int = 1) -> Response:
        answer = self.send(register(*headers, call_id=call_id, cseq=cseq))
        assert answer is not None
        assert answer.status >= 400, answer.start_line
        return answer


@pytest.fixture
def house() -> House:
    return House()


def restarted(house: House, *, after: float = 0.0) -> House:
    """Another registrar over what the journal of `house` kept, `after` seconds later."""
    again = House(journal=house.journal)
    again.timers.advance(50_000.0)  # The monotonic clock of another boot.
    wall = house.wall() + after
    again.registrar.restore(house.journal.load("binding"), now=again.timers.now, wall=wall)
    return again


# -- bindings and the answer --------------------------------------------------------------------------


def test_a_registration_is_answered_with_its_contact_and_the_date(house: House) -> None:
    answer = house.ok(PHONE, "Expires: 600")
    assert answer.get_all("Contact") == ["<sip:alice@192.0.2.4:5060>;expires=600"]
    assert answer.get("Date") == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert house.changes == [(ALICE, "registered")]
    assert [binding.uri_text for binding in house.registered] == ["sip:alice@192.0.2.4:5060"]


def test_a_binding_remembers_where_it_came_from(house: House) -> None:
    house.ok(PHONE)
    (binding,) = house.registrar.bindings(ALICE)
    assert binding.flow is house.requests[0].flow
    assert binding.flow_key == "udp|192.0.2.4:5060|192.0.2.1:5060"
    assert (binding.call_id, binding.cseq, binding.user_agent) == ("a1", 1, "test/1.0")


def test_several_contacts_are_registered_at_once(house: House) -> None:
    answer = house.ok("Contact: <sip:alice@192.0.2.4>;q=0.5, <sip:alice@192.0.2.5>", PHONE, "Expires: 600")
    assert len(answer.get_all("Contact")) == 3
    assert len(house.registrar) == 3


def test_bindings_come_by_q_and_then_the_newest_first(house: House) -> None:
    house.ok("Contact: <sip:low@192.0.2.1>;q=0.2, <sip:old@192.0.2.2>")
    house.advance(10)
    house.ok("Contact: <sip:new@192.0.2.3>;q=1.0, <sip:middle@192.0.2.4>;q=0.75", cseq=2)
    assert [uri.partition("@")[0] for uri in house.contacts] == [
        "sip:new",
        "sip:old",
        "sip:middle",
        "sip:low",
    ]


def test_contact_parameters_come_back_as_they_were(house: House) -> None:
    answer = house.ok(
        'Contact: "Al" <sip:alice@192.0.2.4>;methods="MESSAGE, SUBSCRIBE";q=0.7;expires=600;+sip.ice'
    )
    assert answer.get("Contact") == (
        'Al <sip:alice@192.0.2.4>;methods="MESSAGE, SUBSCRIBE";q=0.7;+sip.ice;expires=600'
    )


def test_without_contact_the_current_bindings_are_told(house: House) -> None:
    house.ok(PHONE, "Expires: 600")
    house.advance(100.4)
    answer = house.ok(cseq=2)
    assert answer.get_all("Contact") == ["<sip:alice@192.0.2.4:5060>;expires=500"]
    assert len(house.journal.writes) == 1


def test_a_refresh_replaces_the_binding_of_an_equivalent_uri(house: House) -> None:
    house.ok("Contact: <sip:alice@phone.example.net;transport=TCP>;expires=600")
    answer = house.ok("Contact: <sip:%61lice@PHONE.example.net;transport=tcp>;expires=700", cseq=2)
    assert answer.get_all("Contact") == ["<sip:%61lice@PHONE.example.net;transport=tcp>;expires=700"]
    assert len(house.journal.rows) == 1
    assert house.changes == [(ALICE, "registered"), (ALICE, "refreshed")]


def test_uris_that_differ_by_port_are_two_bindings(house: House) -> None:
    house.ok("Contact: <sip:alice@192.0.2.4>, <sip:alice@192.0.2.4:5060>")
    assert len(house.registrar) == 2


def test_the_same_contact_twice_in_one_request_is_one_binding(house: House) -> None:
    answer = house.ok("Contact: <sip:a@192.0.2.4>;q=0.1;expires=600, <sip:a@192.0.2.4>;q=0.9;expires=600")
    assert answer.get_all("Contact") == ["<sip:a@192.0.2.4>;q=0.9;expires=600"]
    assert len(house.registrar) == 1


def test_an_alias_registers_for_the_user_himself(house: House) -> None:
    answer = house.send(register(PHONE, to="<sip:ally@example.com>"), by="sip:ally@example.com")
    assert answer is not None
    assert answer.status == 200
    assert len(house.contacts) == 1


# -- lifetimes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ([f"{PHONE};expires=300", "Expires: 900"], 300),
        ([PHONE, "Expires: 900"], 900),
        ([PHONE], 3600),
        ([PHONE, "Expires: 1000000"], 86400),
        ([PHONE, "Expires: 60"], 60),
    ],
)
def test_the_parameter_comes_before_the_header_and_the_header_before_the_default(
    house: House, headers: list[str], granted: int
) -> None:
    assert Contact.parse(house.ok(*headers).get("Contact") or "").expires == granted


def test_too_short_a_lifetime_is_answered_423_and_nothing_changes(house: House) -> None:
    answer = house.refused("Contact: <sip:a@192.0.2.4>;expires=600, <sip:b@192.0.2.5>;expires=59")
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")
    assert len(house.registrar) == 0


def test_an_hour_is_never_too_short() -> None:
    house = House(RegistrarSettings(min_expires=7200))
    house.ok(PHONE, "Expires: 3600")
    assert house.refused(PHONE, "Expires: 3599", cseq=2).status == 423


def test_a_binding_ends_with_its_lifetime(house: House) -> None:
    house.ok(PHONE, "Expires: 600")
    house.advance(599.9)
    assert house.contacts
    house.advance(0.2)
    assert not house.contacts
    assert len(house.registrar) == 0
    assert house.journal.rows == {}
    assert house.changes[1:] == [(ALICE, "expired")]


def test_a_refresh_is_one_record_and_one_timer(house: House) -> None:
    house.ok(PHONE)
    house.ok(PHONE, cseq=2)
    assert [len(records) for records in house.journal.writes] == [1, 1]
    assert len(house.timers) == 1


def test_a_refresh_gives_a_new_lifetime(house: House) -> None:
    house.ok(PHONE, "Expires: 600")
    house.advance(500)
    house.ok(PHONE, "Expires: 600", cseq=2)
    house.advance(500)
    assert house.contacts
    house.advance(101)
    assert not house.contacts


def test_a_binding_that_falls_due_while_its_refresh_is_being_stored_lives_on(house: House) -> None:
    house.ok(PHONE, "Expires: 600")
    house.advance(599)
    house.journal.hold = True
    assert house.send(register(PHONE, "Expires: 600", cseq=2)) is None
    house.advance(5)
    house.journal.hold = False
    house.journal.settle()
    assert house.requests[-1].replies[0].status == 200
    assert len(house.journal.rows) == 1
    house.advance(100)
    assert house.contacts
    assert (ALICE, "expired") not in house.changes


# -- removal ------------------------------------------------------------------------------------------


def test_expires_zero_removes_one_contact(house: House) -> None:
    house.ok(f"{PHONE}, <sip:alice@192.0.2.5>")
    answer = house.ok(f"{PHONE};expires=0", cseq=2)
    assert [Contact.parse(value).uri_text for value in answer.get_all("Contact")] == ["sip:alice@192.0.2.5"]
    assert house.changes[-1] == (ALICE, "removed")
    assert len(house.journal.rows) == 1


def test_removing_what_is_not_there_changes_nothing(house: House) -> None:
    answer = house.ok(PHONE, "Expires: 0")
    assert answer.get_all("Contact") == []
    assert house.journal.writes == []
    assert house.changes == []


def test_a_star_removes_all(house: House) -> None:
    house.ok(f"{PHONE}, <sip:alice@192.0.2.5>")
    assert house.ok("Contact: *", "Expires: 0", call_id="other").get_all("Contact") == []
    assert len(house.registrar) == 0
    assert house.journal.rows == {}


@pytest.mark.parametrize(
    "headers",
    [
        ["Contact: *"],
        ["Contact: *", "Expires: 600"],
        ["Contact: *, <sip:alice@192.0.2.4>", "Expires: 0"],
        ["Contact: *", "Contact: <sip:alice@192.0.2.4>", "Expires: 0"],
    ],
)
def test_a_star_needs_expires_zero_and_no_company(house: House, headers: list[str]) -> None:
    house.ok(PHONE)
    assert house.refused(*headers, cseq=2).status == 400
    assert len(house.registrar) == 1


# -- order and atomicity ------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [4, 5])
def test_a_request_that_comes_late_or_twice_is_answered_500_and_changes_nothing(
    house: House, late: int
) -> None:
    house.ok(PHONE, "Expires: 600", cseq=5)
    answer = house.refused(f"Contact: <sip:new@192.0.2.9>, {PHONE[9:]};expires=0", cseq=late)
    assert (answer.status, answer.reason) == (500, "CSeq out of order for this binding")
    assert house.contacts == ["sip:alice@192.0.2.4:5060"]


def test_another_call_id_may_count_from_anywhere(house: House) -> None:
    house.ok(PHONE, cseq=5)
    house.ok(f"{PHONE};expires=0", call_id="after-reboot", cseq=1)
    assert house.contacts == []


def test_a_star_that_comes_late_removes_nothing(house: House) -> None:
    house.ok(PHONE, call_id="other", cseq=1)
    house.ok("Contact: <sip:alice@192.0.2.5>", cseq=5)
    assert house.refused("Contact: *", "Expires: 0", cseq=4).status == 500
    assert len(house.registrar) == 2


def test_nothing_is_visible_or_answered_before_it_is_durable(house: House) -> None:
    house.journal.hold = True
    assert house.send(register(PHONE)) is None
    assert house.contacts == []
    assert house.changes == []
    house.journal.release()
    assert house.requests[0].replies[0].status == 200
    assert house.contacts == ["sip:alice@192.0.2.4:5060"]


def test_requests_of_one_user_wait_for_each_other(house: House) -> None:
    house.journal.hold = True
    house.send(register("Contact: <sip:first@192.0.2.4>", cseq=1))
    house.send(register("Contact: <sip:second@192.0.2.5>", call_id="b1", cseq=1))
    assert house.journal.waiting == 1
    house.journal.release()
    house.journal.release()
    first, second = (request.replies[0] for request in house.requests)
    assert len(first.get_all("Contact")) == 1
    assert len(second.get_all("Contact")) == 2


def test_other_users_do_not_wait(house: House) -> None:
    house.journal.hold = True
    house.send(register(PHONE))
    house.send(register("Contact: <sip:bob@192.0.2.5>", to="<sip:bob@example.com>"), by="sip:bob@example.com")
    assert house.journal.waiting == 2


def test_a_failing_journal_is_answered_503_and_changes_nothing(house: House) -> None:
    house.journal.fail = True
    answer = house.refused(PHONE)
    assert (answer.status, answer.reason) == (503, "Registration could not be stored")
    assert answer.get("Retry-After") == "5"
    assert len(house.registrar) == 0
    house.journal.fail = False
    house.ok(PHONE, cseq=2)


def test_one_request_is_one_atomic_write(house: House) -> None:
    house.ok(f"{PHONE}, <sip:alice@192.0.2.5>")
    house.ok(f"{PHONE};expires=0, <sip:alice@192.0.2.6>", cseq=2)
    assert [len(records) for records in house.journal.writes] == [2, 2]


# -- refusals -----------------------------------------------------------------------------------------


def test_nobody_registers_somebody_else(house: House) -> None:
    answer = house.send(register(PHONE), by="sip:bob@example.com")
    assert answer is not None
    assert (answer.status, answer.reason) == (403, "Not allowed for this user")
    assert len(house.registrar) == 0


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("<sip:nobody@example.com>", "User does not exist"),
        ("<sip:alice@elsewhere.example>", "Not a domain of this server"),
    ],
)
def test_whom_we_do_not_have_is_answered_404(house: House, to: str, reason: str) -> None:
    answer = house.send(register(PHONE, to=to))
    assert answer is not None
    assert (answer.status, answer.reason) == (404, reason)


@pytest.mark.parametrize("to", ["<tel:+12015550123>", "isbn:2983792873"])
def test_only_a_sip_uri_can_be_registered_for(house: House, to: str) -> None:
    answer = house.send(register(PHONE, to=to))
    assert answer is not None
    assert (answer.status, answer.reason) == (400, "To of a REGISTER must be a SIP URI")


@pytest.mark.parametrize("contact", ["<mailto:alice@example.com>", "<sip:@:>", '"Al <sip:a@b>'])
def test_a_contact_that_sip_cannot_reach_is_answered_400(house: House, contact: str) -> None:
    assert house.refused(f"Contact: {contact}").status == 400


def test_a_tel_contact_is_accepted(house: House) -> None:
    house.ok("Contact: <tel:+1-201-555-0123>")
    assert house.ok("Contact: <tel:+12015550123>", cseq=2).get_all("Contact") == [
        "<tel:+12015550123>;expires=3600"
    ]


@pytest.mark.parametrize("byte", [b"\xff", b"\\\0"])
def test_what_no_database_can_hold_is_answered_400(house: House, byte: bytes) -> None:
    data = register(PHONE).replace(b"<sip:alice@192.0.2.4", b'"' + byte + b'" <sip:alice@192.0.2.4')
    answer = house.send(data)
    assert answer is not None
    assert (answer.status, answer.reason) == (400, "Malformed Contact header field: not UTF-8")


def test_a_user_has_a_limit_of_bindings() -> None:
    house = House(RegistrarSettings(max_bindings=2))
    house.ok("Contact: <sip:a@192.0.2.1>, <sip:a@192.0.2.2>")
    answer = house.refused("Contact: <sip:a@192.0.2.3>", cseq=2)
    assert (answer.status, answer.reason) == (403, "Too many bindings (limit 2)")
    house.ok("Contact: <sip:a@192.0.2.2>", cseq=3)
    house.ok("Contact: <sip:a@192.0.2.1>;expires=0, <sip:a@192.0.2.3>", cseq=4)
    assert len(house.registrar) == 2


def test_a_flood_of_contacts_is_refused_unread() -> None:
    house = House(RegistrarSettings(max_bindings=2))
    contacts = ", ".join(f"<sip:a@192.0.2.{number}>;expires=0" for number in range(5))
    assert house.refused(f"Contact: {contacts}").reason == "Too many contacts (limit 2)"


# -- Path, Service-Route, outbound --------------------------------------------------------------------


PATH = "Path: <sip:p3.example.com;lr>, <sip:p1.example.com;lr>"


def test_a_path_is_kept_with_the_binding_and_returned_to_who_supports_it(house: House) -> None:
    answer = house.ok(PHONE, PATH, "Supported: gruu, path")
    assert house.registrar.bindings(ALICE)[0].path == ("<sip:p3.example.com;lr>", "<sip:p1.example.com;lr>")
    assert answer.values("Path") == ["<sip:p3.example.com;lr>", "<sip:p1.example.com;lr>"]


def test_a_path_that_the_client_does_not_know_of_is_kept_by_default(house: House) -> None:
    answer = house.ok(PHONE, PATH)
    assert len(house.registrar.bindings(ALICE)[0].path) == 2
    assert "Path" not in answer


def test_a_path_that_the_client_does_not_know_of_can_be_refused() -> None:
    house = House(RegistrarSettings(require_path_support=True))
    answer = house.refused(PHONE, PATH)
    assert (answer.status, answer.get("Unsupported")) == (420, "path")
    house.ok(PHONE, PATH, "Supported: path", cseq=2)


def test_a_path_that_is_no_address_is_answered_400(house: House) -> None:
    assert house.refused(PHONE, "Path: <mailto:p1@example.com>").status == 400


def test_the_service_route_of_the_settings_is_told() -> None:
    house = House(RegistrarSettings(service_route=("<sip:edge.example.com;lr>",)))
    assert house.ok(PHONE).get_all("Service-Route") == ["<sip:edge.example.com;lr>"]


INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"'


def test_the_same_flow_of_the_same_instance_replaces_its_binding(house: House) -> None:
    house.ok(f"Contact: <sip:alice@192.0.2.4:1111>;reg-id=1;{INSTANCE}")
    answer = house.ok(f"Contact: <sip:alice@192.0.2.4:2222>;reg-id=1;{INSTANCE}", call_id="after-reboot")
    assert house.contacts == ["sip:alice@192.0.2.4:2222"]
    assert len(house.journal.rows) == 1
    assert "Require" not in answer
    assert "gruu" not in (answer.get("Contact") or "")


def test_another_flow_of_the_same_instance_is_another_binding(house: House) -> None:
    house.ok(f"Contact: <sip:alice@192.0.2.4:1111>;reg-id=1;{INSTANCE}")
    house.ok(f"Contact: <sip:alice@192.0.2.4:2222>;reg-id=2;{INSTANCE}", cseq=2)
    assert len(house.contacts) == 2


def test_without_reg_id_an_instance_replaces_nothing(house: House) -> None:
    house.ok(f"Contact: <sip:alice@192.0.2.4:1111>;{INSTANCE}")
    house.ok(f"Contact: <sip:alice@192.0.2.4:2222>;{INSTANCE}", cseq=2)
    assert len(house.contacts) == 2


def test_two_contacts_cannot_share_a_flow(house: House) -> None:
    contacts = f"Contact: <sip:a@192.0.2.4>;reg-id=1;{INSTANCE}, <sip:b@192.0.2.4>"
    assert house.refused(contacts).status == 400


# -- restart and removal of users ---------------------------------------------------------------------


def test_bindings_survive_a_restart(house: House) -> None:
    house.ok('Contact: "Al" <sip:alice@192.0.2.4>;q=0.7;expires=600', PATH, "Supported: path", cseq=5)
    again = restarted(house, after=100)
    (binding,) = again.registrar.bindings(ALICE)
    assert binding.contact == "Al <sip:alice@192.0.2.4>;q=0.7"
    assert (binding.q, binding.call_id, binding.cseq) == (700, "a1", 5)
    assert binding.path == ("<sip:p3.example.com;lr>", "<sip:p1.example.com;lr>")
    assert (binding.flow, binding.flow_key) == (None, "udp|192.0.2.4:5060|192.0.2.1:5060")
    assert isinstance(binding.uri, Uri)
    assert again.ok(call_id="query").get_all("Contact") == ["Al <sip:alice@192.0.2.4>;q=0.7;expires=500"]
    assert again.refused("Contact: <sip:alice@192.0.2.4>", cseq=5).status == 500
    again.ok("Contact: <sip:alice@192.0.2.4>", cseq=6)
    assert len(again.registrar) == 1


def test_a_binding_that_fell_due_meanwhile_expires_at_the_start(house: House) -> None:
    house.ok(PHONE, "Expires: 600")
    house.ok("Contact: <sip:alice@192.0.2.5>;expires=900", cseq=2)
    again = restarted(house, after=700)
    again.advance(0.01)
    assert again.contacts == ["sip:alice@192.0.2.5"]
    assert again.changes == [(ALICE, "expired")]
    assert len(again.journal.rows) == 1


def test_a_row_that_cannot_be_read_does_not_keep_the_others_out(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.ok(PHONE)
    house.ok("Contact: <sip:alice@192.0.2.5>", cseq=2)
    key = ("binding", (ALICE, "sip:alice@192.0.2.4:5060"))
    house.journal.rows[key] = ("<sip:broken", *house.journal.rows[key][1:])
    again = restarted(house)
    assert again.contacts == ["sip:alice@192.0.2.5"]
    assert [record.message for record in caplog.records] == ["registrar.row_dropped"]


def test_a_row_whose_key_is_no_uri_is_dropped(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.ok(PHONE)
    (row,) = house.journal.rows.values()
    house.journal.rows["binding", (ALICE, "garbage")] = row
    assert restarted(house).contacts == ["sip:alice@192.0.2.4:5060"]
    assert [record.message for record in caplog.records] == ["registrar.row_dropped"]


def test_thousands_who_share_a_contact_are_found_and_forgotten() -> None:
    location = Location()
    contact = Contact.parse("<sip:gateway@192.0.2.9>")
    bindings = [
        Binding(
            aor=f"sip:u{number}@sip.test",
            contact="<sip:gateway@192.0.2.9>",
            uri=contact.uri,
            uri_text=contact.uri_text,
            call_id="a",
            cseq=1,
            q=1000,
            expires_at=60.0,
        )
        for number in range(3000)
    ]
    for binding in bindings:
        location.replace(binding.aor, [binding])
    gateway = parse_uri("sip:gateway@192.0.2.9")
    assert isinstance(gateway, Uri)
    assert location.at_contact(gateway) == bindings
    for binding in bindings[1:]:
        location.replace(binding.aor, ())
    assert location.at_contact(gateway) == bindings[:1]


def test_a_removed_user_has_no_bindings(house: House) -> None:
    house.ok(f"{PHONE}, <sip:alice@192.0.2.5>")
    house.registrar.remove_user(ALICE)
    house.journal.settle()
    assert len(house.registrar) == 0
    assert house.journal.rows == {}
    assert house.changes[-1] == (ALICE, "removed")


def test_bindings_of_a_user_who_was_deleted_meanwhile_are_not_restored(house: House) -> None:
    house.ok(PHONE)
    again = House(journal=house.journal)
    again.registrar._directory.users.discard("alice")  # type: ignore[attr-defined]
    again.registrar.restore(house.journal.load("binding"), now=0.0, wall=house.wall())
    again.journal.settle()
    assert len(again.registrar) == 0
    assert again.journal.rows == {}


def test_an_expired_binding_is_gone_even_if_the_journal_fails(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.ok(PHONE, "Expires: 600")
    house.journal.fail = True
    house.advance(601)
    assert house.contacts == []
    assert house.changes[-1] == (ALICE, "expired")
    assert [record.message for record in caplog.records] == ["registrar.expiry_not_stored"]
