"""History, long-term status, calendar and settings by SOAP beyond the print: Q28, Q36, Q49 to Q53."""

from __future__ import annotations

from html import escape

import pytest
from lxml import etree

from presence.storage.database import Database
from soapapi.names import EPAS, RULES
from tests.soapapi.asking import KAI, Office, Reply

PIDF = "urn:ietf:params:xml:ns:pidf"
AWAY = (
    f'<presence xmlns="{PIDF}" entity="sip:kai@cisco.com">'
    "<tuple id='t'><status><basic>closed</basic></status><note>away &amp; Grüße</note></tuple></presence>"
)
REFUSED = "Sender Invalid request."


def add(office: Office, timestamp: str, data: str = "<data/>", kind: str = "1") -> str:
    """The status code."""
    reply = office.ask(
        f"<add-recent-comm><timestamp>{timestamp}</timestamp><type>{kind}</type>{data}</add-recent-comm>"
    )
    return reply.element[0].get("status-code")


def records(office: Office) -> list[list[str]]:
    found = office.ask("<get-recent-comm/>").element
    return [[etree.QName(it).localname + "=" + (it.text or "") for it in record] for record in found]


def publish(office: Office, content: str) -> Reply:
    return office.ask(f"<publish-pres-status>{content}</publish-pres-status>")


def standing(office: Office) -> bytes:
    found = office.services.standing.get(KAI)
    return b"" if found is None else found.document


class TestHistory:
    def test_dates_and_date_times_are_kept_as_sent_the_newest_first_q50(self, office: Office) -> None:
        for timestamp in ("2006-03-24", "2006-03-24T10:00:00Z", " 2006-03-24T11:30:00+02:00 "):
            assert add(office, timestamp) == "0"
        assert [it[0] for it in records(office)] == [
            "timestamp=2006-03-24T10:00:00Z",
            "timestamp=2006-03-24T11:30:00+02:00",
            "timestamp=2006-03-24",
        ]

    def test_of_equal_times_the_last_stored_is_first_q50(self, office: Office) -> None:
        for kind in ("1", "2", "3"):
            add(office, "2006-03-24", kind=kind)
        assert [it[1] for it in records(office)] == ["type=3", "type=2", "type=1"]

    def test_the_oldest_go_when_there_are_too_many_q50(self, database: Database) -> None:
        office = Office(database, history=2)
        for day in ("22", "24", "23"):
            add(office, f"2006-03-{day}")
        assert [it[0] for it in records(office)] == ["timestamp=2006-03-24", "timestamp=2006-03-23"]

    def test_a_second_record_in_a_call_is_a_fault_q50(self, office: Office) -> None:
        one = "<timestamp>2006-03-24</timestamp><type>1</type><data/>"
        reply = office.ask(f"<add-recent-comm>{one}{one}</add-recent-comm>")
        assert reply.fault == f"{REFUSED} GivenTwice"
        assert records(office) == []

    @pytest.mark.parametrize(
        "data",
        [
            "<what>in the default namespace</what>",
            '<what xmlns="">in none</what>',
            '<c:call xmlns:c="urn:calls" c:to="5555"><c:leg/>text &amp; more</c:call>tail',
            "text alone &lt;escaped&gt;",
            "<![CDATA[<not markup>]]>",
            "one&#13;<two>&#13;</two>&#13;",
            '<v xmlns:x="urn:types" kind="x:short">x</v>',
            '<v pr:kind="short"><epas:w/><w xmlns=""><w xmlns="urn:w"/></w></v>',
        ],
    )
    def test_data_comes_back_with_its_namespaces_q51(self, office: Office, data: str) -> None:
        sent = f"<data>{data}</data>"
        assert add(office, "2006-03-24", sent) == "0"
        (record,) = office.ask("<get-recent-comm/>").element
        expected = etree.fromstring(
            f'<epas:data xmlns:epas="{EPAS}" xmlns="{EPAS}" xmlns:pr="{RULES}">{data}</epas:data>'
        )
        assert same(record[2]) == same(expected)

    def test_a_prefix_in_a_value_still_means_the_same_q51(self, office: Office) -> None:
        add(office, "2006-03-24", '<data xmlns:x="urn:types"><v kind="x:short"/></data>')
        (record,) = office.ask("<get-recent-comm/>").element
        assert record[2][0].nsmap["x"] == "urn:types"

    def test_data_in_no_namespace_at_all_stays_so_q51(self, office: Office) -> None:
        add(office, "2006-03-24", '<data xmlns=""><what/></data>')
        (record,) = office.ask("<get-recent-comm/>").element
        assert record[2][0].tag == "what"

    def test_namespaces_of_the_envelope_are_not_kept_with_it_q51(self, office: Office) -> None:
        add(office, "2006-03-24", '<data><what xmlns="urn:w">x</what></data>')
        (record,) = office.services.history.list(KAI)
        assert record.data == '<what xmlns="urn:w">x</what>'

    def test_types_are_any_integers_q52(self, office: Office) -> None:
        assert [add(office, "2006-03-24", kind=kind) for kind in ("0", "-7", "123456789")] == ["0"] * 3

    @pytest.mark.parametrize(
        "record",
        [
            "<timestamp>yesterday</timestamp><type>1</type><data/>",
            "<timestamp>2006-02-30</timestamp><type>1</type><data/>",
            "<timestamp>2006-03-24</timestamp><type>call</type><data/>",
            "<timestamp>2006-03-24</timestamp><type/><data/>",
            "<timestamp>2006-03-24</timestamp><data/>",
            "<timestamp>2006-03-24</timestamp><type>1</type>",
        ],
    )
    def test_what_is_no_record_has_status_code_1_q36(self, office: Office, record: str) -> None:
        reply = office.ask(f"<add-recent-comm>{record}</add-recent-comm>")
        assert reply.status == 200
        assert reply.element[0].get("status-code") == "1"
        assert records(office) == []

    def test_data_too_large_with_its_namespaces_is_no_record(self, office: Office) -> None:
        declared = f'xmlns:a="urn:{"u" * 1000}"'
        assert add(office, "2006-03-24", f"<data {declared}>{'<a:x/>' * 60}</data>") == "0"
        assert add(office, "2006-03-24", f"<data {declared}>{'<a:x/>' * 70}</data>") == "1"
        assert len(records(office)) == 1

    def test_the_timestamp_is_told_only_if_there_is_one(self, office: Office) -> None:
        reply = office.ask("<add-recent-comm><type>1</type><data/></add-recent-comm>")
        assert dict(reply.element[0].attrib) == {"status-code": "1"}


class TestLongTermStatus:
    @pytest.mark.parametrize("content", [AWAY, escape(AWAY), f"<![CDATA[{AWAY}]]>", f"\n {AWAY} \n"])
    def test_an_element_and_escaped_text_are_the_same_q49(self, office: Office, content: str) -> None:
        reply = publish(office, content)
        assert reply.texts("epas:status-code") == ["0"]
        assert etree.canonicalize(standing(office).decode()) == etree.canonicalize(AWAY)

    def test_text_may_have_an_xml_declaration_of_whatever_encoding_q49(self, office: Office) -> None:
        publish(office, escape(f'<?xml version="1.0" encoding="ISO-8859-1"?>\n{AWAY}'))
        assert "Grüße" in etree.fromstring(standing(office)).findtext(f".//{{{PIDF}}}note")

    def test_a_new_one_replaces_it_and_it_is_taken_back_q49(self, office: Office) -> None:
        publish(office, AWAY)
        publish(office, AWAY.replace("away", "ill"))
        assert b"ill" in standing(office)
        assert b"away" not in standing(office)
        for _ in range(2):
            assert office.ask("<unpublish-pres-status/>").texts("epas:status-code") == ["0"]
            assert standing(office) == b""

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[XML presence doc]",
            escape(AWAY[:-5]),
            "<presence/>",
            f'<what xmlns="{PIDF}"/>',
            AWAY + AWAY,
            f"and {AWAY}",
            escape(f"<!DOCTYPE presence [<!ENTITY x 'y'>]>{AWAY}"),
            escape(AWAY) + escape(AWAY),
            AWAY.replace("away", "away" * 500_000),
        ],
    )
    def test_what_is_no_document_is_a_fault_and_changes_nothing_q49(
        self, office: Office, content: str
    ) -> None:
        publish(office, AWAY)
        before = standing(office)
        office.news()
        reply = publish(office, content)
        assert reply.status == 400
        assert reply.fault.startswith(REFUSED)
        assert (standing(office), office.news()) == (before, [])

    @pytest.mark.parametrize("content", [AWAY + AWAY, f"and {AWAY}", f"{AWAY} too", f"{AWAY}<!-- -->{AWAY}"])
    def test_one_document_it_is_q49(self, office: Office, content: str) -> None:
        assert publish(office, content).fault == f"{REFUSED} SeveralDocuments"

    def test_nothing_of_the_envelope_is_kept_with_it(self, office: Office) -> None:
        publish(office, AWAY)
        assert b"epas" not in standing(office)


class TestCalendar:
    @pytest.mark.parametrize(
        ("text", "told"), [("true", "true"), (" 1 ", "true"), ("false", "false"), ("0", "false")]
    )
    def test_booleans_are_those_of_xml_schema_q28(self, office: Office, text: str, told: str) -> None:
        office.services.profiles.set_calendar(KAI, told == "false")
        assert office.ask(f"<set-calendaring>{text}</set-calendaring>").element.text == "succeeded"
        assert office.ask("<get-calendaring/>").element.text == told

    @pytest.mark.parametrize("text", ["", "TRUE", "yes", "<true/>"])
    def test_anything_else_is_a_fault_and_changes_nothing_q28(self, office: Office, text: str) -> None:
        office.services.profiles.set_calendar(KAI, True)
        assert office.ask(f"<set-calendaring>{text}</set-calendaring>").fault == f"{REFUSED} NotBoolean"
        assert office.ask("<get-calendaring/>").element.text == "true"


class TestUserSettings:
    def settings(self, office: Office) -> dict[str, tuple[str, str]]:
        found = office.ask("<get-user-config/>").element
        return {it.get("name"): (it.text or "", it.get("is-public")) for it in found}

    def test_an_empty_text_is_an_empty_value_and_is_public_is_false_if_absent_q53(
        self, office: Office
    ) -> None:
        office.ask('<set-user-config><property name="x" is-public="true">1</property></set-user-config>')
        assert self.settings(office)["x"] == ("1", "true")
        reply = office.ask('<set-user-config><property name="x"/></set-user-config>')
        assert [dict(it.attrib) for it in reply.element] == [{"name": "x", "status-code": "0"}]
        assert self.settings(office)["x"] == ("", "false")

    def test_one_that_cannot_be_kept_has_status_code_1_q36(self, office: Office) -> None:
        reply = office.ask(
            '<set-user-config><property name="a">1</property><property>3</property>'
            '<property name="b" is-public="perhaps">2</property>'
            '<property name="c" is-public="TRUE">4</property></set-user-config>'
        )
        assert [it.get("status-code") for it in reply.element] == ["0", "1", "1", "0"]
        assert {it: self.settings(office).get(it) for it in "abc"} == {
            "a": ("1", "false"),
            "b": None,
            "c": ("4", "true"),
        }


def same(element: etree._Element) -> list[object]:
    """Names, attributes and all texts."""
    return [
        (it.tag, dict(it.attrib), it.text or "", (it.tail or "") if it is not element else "")
        for it in element.iter()
    ]
