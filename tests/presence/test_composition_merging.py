"""What several sources say about one person or device: who decides, what is kept, and when it holds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from lxml import etree

from presence.composition import Component, Composed, CompositionSettings, compose
from presence.documents.pidf_reader import parse_pidf
from presence.documents.xsd import date_time
from tests.presence.documents.test_pidf import NS, pidf
from tests.presence.test_composition import component, document

NOW = 1795320000.0
DEFAULT = CompositionSettings()


def person(content: str, ident: str = "p") -> str:
    return f'<dm:person id="{ident}">{content}</dm:person>'


def activity(name: str, attributes: str = "") -> str:
    return f"<rpid:activities {attributes}><rpid:{name}/></rpid:activities>"


def between(start: float | None, end: float | None) -> str:
    """The attributes from and until, `start` and `end` seconds from now."""
    found = "" if start is None else f'from="{date_time(NOW + start)}" '
    return found if end is None else f'{found}until="{date_time(NOW + end)}"'


def state(components: Sequence[Component], now: float = NOW) -> Composed:
    return compose(components, now, DEFAULT)


def root(components: Sequence[Component], now: float = NOW) -> etree._Element:
    return etree.fromstring(document(components, now=now))


def activities(components: Sequence[Component], now: float = NOW) -> list[str]:
    found = root(components, now).xpath("dm:person/r:activities/*", namespaces=NS)
    return [etree.QName(element).localname for element in found]


def in_person(components: Sequence[Component], now: float = NOW) -> list[str]:
    (only,) = root(components, now).findall("dm:person", NS)
    return [etree.QName(element).localname for element in only]


# -- who decides ------------------------------------------------------------------------------------


def test_the_component_of_higher_priority_decides_the_activity() -> None:
    old = component("1", person(activity("meeting")), 100.0, priority=1.0)
    new = component("2", person(activity("away")), 200.0, priority=0.0)
    assert activities([old, new]) == ["meeting"]


def test_between_equal_priorities_the_newest_timestamp_decides() -> None:
    older, newer = (
        person(f"{activity(name)}<dm:timestamp>{time}</dm:timestamp>")
        for name, time in (("busy", "2026-11-22T04:00:00Z"), ("away", "2026-11-22T05:00:00Z"))
    )
    assert activities([component("1", newer, 100.0), component("2", older, 200.0)]) == ["away"]


def test_between_equal_timestamps_the_later_arrival_decides() -> None:
    same = "<dm:timestamp>2026-11-22T04:00:00Z</dm:timestamp>"
    first = component("1", person(activity("busy") + same), 100.0)
    second = component("2", person(activity("away") + same), 200.0)
    assert activities([first, second]) == ["away"]


def test_activities_of_different_sources_are_not_mixed() -> None:
    one = component("1", person("<rpid:activities><rpid:busy/><rpid:meeting/></rpid:activities>"), 100.0)
    two = component("2", person(activity("away")), 200.0)
    assert activities([one, two]) == ["away"]


@pytest.mark.parametrize(
    "other",
    [
        "<rpid:mood><rpid:happy/></rpid:mood>",
        "<rpid:place-is><rpid:audio><rpid:noisy/></rpid:audio></rpid:place-is>",
        "<rpid:place-type><rpid:other>tent</rpid:other></rpid:place-type>",
        "<rpid:sphere><rpid:work/></rpid:sphere>",
        "<rpid:privacy><rpid:audio/></rpid:privacy>",
        "<rpid:class>c</rpid:class>",
        "<rpid:time-offset>60</rpid:time-offset>",
        "<dm:note>in a tent</dm:note>",
        '<x:new xmlns:x="urn:example:x"/>',
    ],
)
def test_what_only_one_source_knows_of_the_person_is_kept(other: str) -> None:
    decides = component("1", person(activity("busy")), priority=1.0)
    assert len(in_person([decides, component("2", person(other))])) == 2


def test_what_both_know_is_said_by_the_one_that_decides() -> None:
    one, two = (
        component(
            str(number),
            person(f"<dm:note>{number}</dm:note><rpid:sphere><rpid:{place}/></rpid:sphere>"),
            priority=float(number),
        )
        for number, place in ((1, "home"), (2, "work"))
    )
    assert in_person([one, two]) == ["sphere", "note"]
    assert b"<rpid:work/>" in document([one, two])
    assert b">2</dm:note>" in document([one, two])


def test_the_time_of_the_merged_person_is_the_newest() -> None:
    high = component("1", person("<dm:timestamp>2026-11-22T04:00:00Z</dm:timestamp>"), priority=1.0)
    low = component("2", person("<dm:timestamp>2026-11-22T05:00:00Z</dm:timestamp>"))
    times = root([high, low]).findall("dm:person/dm:timestamp", NS)
    assert [time.text for time in times] == ["2026-11-22T05:00:00Z"]


def test_several_persons_of_one_source_become_one() -> None:
    only = component("1", person(activity("busy"), "a") + person("<dm:note>n</dm:note>", "b"))
    assert in_person([only]) == ["activities", "note"]


def test_a_standing_status_shows_until_something_is_published() -> None:
    vacation = Component("standing", "standing", -0.5, 500.0, parse_pidf(pidf(person(activity("vacation")))))
    phone = component("1", '<tuple id="t"><status><basic>open</basic></status></tuple>', 100.0)
    assert activities([vacation, phone]) == ["vacation"]
    assert activities([vacation, component("2", person(activity("busy")), 100.0)]) == ["busy"]


# -- idle --------------------------------------------------------------------------------------------


def test_idle_is_what_the_most_recent_source_says_whatever_its_priority() -> None:
    high = component("1", person(activity("busy") + "<rpid:user-input>idle</rpid:user-input>"), 100.0, 1.0)
    low = component("2", person("<rpid:user-input>active</rpid:user-input>"), 200.0)
    assert b">active</rpid:user-input>" in document([high, low])
    assert activities([high, low]) == ["busy"]


def test_the_last_input_counts_if_it_is_told() -> None:
    told = '<rpid:user-input last-input="2026-11-22T05:00:00Z">idle</rpid:user-input>'
    stale = "<rpid:user-input>active</rpid:user-input><dm:timestamp>2026-11-22T04:00:00Z</dm:timestamp>"
    both = [component("1", person(stale)), component("2", person(told))]
    assert b">idle</rpid:user-input>" in document(both)


# -- devices -----------------------------------------------------------------------------------------


def device(ident: str, content: str = "", device_id: str = "urn:x:1") -> str:
    return f'<dm:device id="{ident}">{content}<dm:deviceID>{device_id}</dm:deviceID></dm:device>'


def test_devices_are_told_apart_by_their_device_id() -> None:
    both = [component("1", device("a")), component("2", device("a", device_id="urn:x:2"))]
    found = root(both).findall("dm:device/dm:deviceID", NS)
    assert {element.text for element in found} == {"urn:x:1", "urn:x:2"}


def test_what_several_sources_know_of_one_device_is_merged() -> None:
    caps = (
        '<c:devcaps xmlns:c="urn:ietf:params:xml:ns:pidf:caps"><c:description>d</c:description></c:devcaps>'
    )
    one = component("1", device("a", caps), 100.0)
    two = component("2", device("b", "<rpid:user-input>idle</rpid:user-input>"), 200.0)
    (only,) = root([one, two]).findall("dm:device", NS)
    assert [etree.QName(child).localname for child in only] == ["user-input", "devcaps", "deviceID"]


# -- from and until, RFC 4480 §3 -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        (between(None, None), True),
        (between(-60, 60), True),
        (between(0, None), True),
        (between(None, 60), True),
        (between(60, None), False),
        (between(60, 120), False),
        (between(-120, -60), False),
        (between(None, 0), False),
    ],
)
def test_an_activity_shows_only_in_its_time(times: str, shown: bool) -> None:
    assert (activities([component("1", person(activity("meeting", times)))]) == ["meeting"]) is shown


def test_when_the_time_of_one_activity_is_over_the_next_in_rank_shows() -> None:
    calendar = component("1", person(activity("meeting", between(-60, 60))), priority=1.0)
    phone = component("2", person(activity("on-the-phone")))
    assert activities([calendar, phone]) == ["meeting"]
    assert activities([calendar, phone], NOW + 60) == ["on-the-phone"]


def test_of_several_activities_the_one_of_now_shows() -> None:
    only = component("1", person(activity("breakfast", between(-60, 0)) + activity("travel", between(0, 60))))
    assert activities([only]) == ["travel"]


def test_it_is_told_when_the_state_changes_next() -> None:
    calendar = component("1", person(activity("meeting", between(30, 90))))
    mood = component("2", person(f"<rpid:mood {between(None, 60)}><rpid:happy/></rpid:mood>"))
    moments = [state([calendar, mood], NOW + after).changes_at for after in (0, 30, 60, 90)]
    assert moments == [NOW + 30, NOW + 60, NOW + 90, None]


def test_what_has_no_times_never_changes_by_itself() -> None:
    assert state([component("1", person(activity("busy")))]).changes_at is None


def test_a_time_that_is_none_limits_nothing() -> None:
    only = component("1", person(activity("busy", 'until="tomorrow"')))
    assert activities([only]) == ["busy"]
    assert state([only]).changes_at is None


def test_timed_status_is_kept_as_it_is() -> None:
    timed = (
        '<ts:timed-status xmlns:ts="urn:ietf:params:xml:ns:pidf:timed-status" from="2026-11-23T10:00:00Z"'
        ' until="2026-11-23T11:00:00Z"><ts:basic>closed</ts:basic></ts:timed-status>'
    )
    only = component("1", f'<tuple id="t"><status><basic>open</basic></status>{timed}</tuple>')
    assert timed.encode() in document([only])
    assert state([only]).changes_at is None


def test_timed_statuses_that_overlap_are_all_kept() -> None:
    timed = [
        '<ts:timed-status xmlns:ts="urn:ietf:params:xml:ns:pidf:timed-status" from="2026-11-23T10:00:00Z"'
        f' until="2026-11-23T{end}:00:00Z"><ts:basic>{basic}</ts:basic></ts:timed-status>'
        for end, basic in (("11", "closed"), ("12", "open"))
    ]
    only = component("1", f'<tuple id="t"><status><basic>open</basic></status>{"".join(timed)}</tuple>')
    assert "".join(timed).encode() in document([only])
