"""What a view with rules of Cisco leaves of a presentity: hidden sources, reachability alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.policy.cisco import CiscoRule, compile_rule
from presence.policy.model import EVERYTHING, EVERYTHING_ALLOWED, Permissions
from presence.policy.parts import activities_part
from presence.policy.reachability import EpasStatus, Not, Reachability, When
from presence.policy.restriction import Restriction
from presence.policy.view import ALLOW_ALL, BLANK, View
from tests.presence.policy.seeing import FULL, NOW, Seen, component, document, of_rule

# -- hidden sources ---------------------------------------------------------------------------------------

DESK = component(
    '<tuple id="d"><status><basic>open</basic></status><contact>sip:desk@example.com</contact></tuple>'
    '<dm:person id="p"><rpid:activities><ce:available/></rpid:activities></dm:person>',
    "desk",
    NOW - 60,
)
CELL = component(
    '<tuple id="c"><status><basic>open</basic></status><contact>sip:cell@example.com</contact></tuple>'
    '<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>',
    "Cell Phone",
    NOW,
)


def cisco(**given: object) -> View:
    return of_rule(compile_rule(CiscoRule("r", acl=("sip:bob@example.com",), **given)))  # type: ignore[arg-type]


def test_a_hidden_source_is_hidden_and_the_person_is_composed_without_it(shared: Path) -> None:
    everything = Seen(shared, ALLOW_ALL, DESK, CELL)
    assert sorted(everything("//p:contact")) == ["sip:cell@example.com", "sip:desk@example.com"]
    assert everything.names("//rpid:activities") == ["meeting"]
    seen = Seen(shared, cisco(excluded=("cell  phone",)), DESK, CELL)
    assert seen("//p:contact") == ["sip:desk@example.com"]
    assert seen.names("//rpid:activities") == ["available"]


def test_a_tuple_that_names_its_source_is_hidden_by_that_name(shared: Path) -> None:
    mixed = component(
        '<tuple id="a"><status><basic>open</basic></status>'
        '<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source"> cupc </so:source></tuple>'
        '<tuple id="b"><status><basic>open</basic></status></tuple>',
        "persona",
    )
    assert Seen(shared, cisco(excluded=("cupc",)), mixed)("//p:tuple/@id") == ["b"]
    assert Seen(shared, cisco(excluded=("persona",)), mixed)("//p:tuple/@id") == ["a"]


def test_a_component_whose_tuples_are_all_hidden_is_hidden_with_its_person(shared: Path) -> None:
    whole = component(
        '<tuple id="a"><status><basic>open</basic></status>'
        '<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source">cupc</so:source></tuple>'
        '<dm:person id="p"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>',
        "another name",
    )
    assert document(cisco(excluded=("cupc",)), whole) == document(BLANK)


def test_who_has_nothing_but_hidden_sources_looks_as_if_he_had_published_nothing() -> None:
    hidden = cisco(excluded=("desk", "cell phone"))
    assert document(hidden, DESK, CELL) == document(ALLOW_ALL)
    assert document(cisco(excluded=("desk",), visibility="reachability-only"), DESK) == document(ALLOW_ALL)


# -- reachability -----------------------------------------------------------------------------------------


def test_reachability_only_shows_a_person_with_one_activity_and_a_tuple_with_the_basic_status(
    shared: Path,
) -> None:
    seen = Seen(shared, cisco(visibility="reachability-only"), component(FULL))
    assert seen.names("/p:presence") == ["tuple", "person"]
    assert seen.names("//p:tuple") == ["status"]
    assert seen.names("//p:status") == ["basic"]
    assert seen("//p:basic") == ["open"]
    assert seen.names("//dm:person") == ["activities"]
    assert seen.names("//rpid:activities") == ["meeting"]


def test_reachability_only_is_the_same_document_for_the_same_status() -> None:
    view = cisco(visibility="reachability-only")
    busy = '<dm:person id="{0}"><rpid:activities><rpid:busy/></rpid:activities>{1}</dm:person>'
    first = component('<tuple id="x"><status><basic>open</basic></status></tuple>' + busy.format("a", ""))
    second = component(
        '<tuple id="y"><status><basic>open</basic></status></tuple>'
        '<tuple id="z"><status><basic>closed</basic></status></tuple>'
        + busy.format("b", "<dm:note>secret</dm:note>"),
        "elsewhere",
    )
    assert document(view, first) == document(view, second)


@pytest.mark.parametrize(
    ("basics", "activity", "basic"),
    [
        (["open"], "available", "open"),
        (["closed", "open"], "available", "open"),
        (["closed"], "unavailable", "closed"),
    ],
)
def test_without_a_person_the_basic_status_tells_the_reachability(
    shared: Path, basics: list[str], activity: str, basic: str
) -> None:
    tuples = "".join(
        f'<tuple id="t{number}"><status><basic>{it}</basic></status></tuple>'
        for number, it in enumerate(basics)
    )
    seen = Seen(shared, cisco(visibility="reachability-only"), component(tuples))
    assert seen.names("//rpid:activities") == [activity]
    assert seen("//p:basic") == [basic]


AWAY_IF_DESK_IS_FREE = Reachability("", (When("away", (EpasStatus("desk", "available"),)),))
OFFLINE = Reachability("", (When("unavailable", (Not(EpasStatus("desk", "busy")),)),))


@pytest.mark.parametrize("visibility", ["all", "reachability-only"])
def test_a_condition_tree_decides_what_the_person_does(shared: Path, visibility: str) -> None:
    seen = Seen(shared, cisco(visibility=visibility, reachability=AWAY_IF_DESK_IS_FREE), DESK, CELL)
    assert seen.names("//rpid:activities") == ["away"]
    assert len(seen("//p:tuple")) == (2 if visibility == "all" else 1)


def test_a_tree_of_which_nothing_is_true_leaves_the_composed_status(shared: Path) -> None:
    seen = Seen(shared, cisco(reachability=Reachability("", (When("away", (EpasStatus("x", "y"),)),))), CELL)
    assert seen.names("//rpid:activities") == ["meeting"]
    assert document(cisco(reachability=Reachability()), CELL) == document(ALLOW_ALL, CELL)


def test_a_tree_without_a_true_condition_takes_the_status_of_its_source(shared: Path) -> None:
    seen = Seen(shared, cisco(reachability=Reachability("desk")), DESK, CELL)
    assert seen.names("//rpid:activities") == ["available"]


def test_a_tree_does_not_see_hidden_sources(shared: Path) -> None:
    seen = Seen(shared, cisco(reachability=AWAY_IF_DESK_IS_FREE, excluded=("desk",)), DESK, CELL)
    assert seen.names("//rpid:activities") == ["meeting"]


def test_of_two_trees_the_less_reachable_outcome_counts(shared: Path) -> None:
    both = View.of(
        EVERYTHING_ALLOWED, Restriction(True, reachability=frozenset({AWAY_IF_DESK_IS_FREE, OFFLINE, None}))
    )
    seen = Seen(shared, both, DESK)
    assert seen.names("//rpid:activities") == ["unavailable"]
    assert seen("//p:basic") == ["closed"]


def test_reachability_tells_nothing_that_rfc_5025_does_not_grant(shared: Path) -> None:
    only_reachability = Restriction(True)
    services = View.of(Permissions("allow", services=EVERYTHING), only_reachability)
    assert Seen(shared, services, CELL).names("/p:presence") == ["tuple"]
    persons = View.of(Permissions("allow", persons=EVERYTHING), only_reachability)
    assert Seen(shared, persons, CELL).names("/p:presence") == []


@pytest.mark.parametrize(
    ("status", "xml"),
    [
        ("away", "<rpid:activities><rpid:away/></rpid:activities>"),
        (
            "do-not-disturb",
            '<rpid:activities><ce:do-not-disturb xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"/>'
            "</rpid:activities>",
        ),
        ("2<3", "<rpid:activities><rpid:other>2&lt;3</rpid:other></rpid:activities>"),
    ],
)  # fmt: skip
def test_a_status_becomes_rpids_word_or_ciscos_or_another(status: str, xml: str) -> None:
    assert activities_part(status).xml.decode() == xml
