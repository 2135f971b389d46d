"""Change notifications, R43 to R50: every payload that the guide prints is read and written as it stands."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from presence.documents.config_change import (
    PRINTED_NAMESPACE,
    AclItem,
    ConfigChange,
    ContactItem,
    GroupItem,
    Property,
    parse_config_change,
    render_config_change,
)
from sip.errors import BadRequest
from tests.presence.uccn import canonical, payloads


@pytest.fixture(scope="module")
def schema(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(shared / "reference" / "cup" / "uccn" / "schema-consistent.xsd"))


def test_all_forty_payloads_are_written_as_printed_and_valid(shared: Path, schema: etree.XMLSchema) -> None:
    found = payloads(shared)
    assert len(found) == 40
    for name, printed in found.items():
        written = render_config_change(parse_config_change(printed))
        assert canonical(written) == canonical(printed), name
        assert schema.validate(etree.fromstring(written)), f"{name}: {schema.error_log}"


def test_the_payloads_as_printed_are_read_too(shared: Path) -> None:
    folder = shared / "reference" / "cup" / "uccn"
    without_action = "UcCtiGatewayProfile-update.xml"
    for path in sorted(folder.glob("*-*.xml")):
        if path.name == without_action:
            with pytest.raises(BadRequest, match="no action"):
                parse_config_change(path.read_bytes())
        else:
            assert parse_config_change(path.read_bytes()).action, path.name


def test_the_namespace_of_the_printed_schema_is_read_and_written() -> None:
    change = ConfigChange("insert-group", new=GroupItem("General", Decimal(1)))
    data = render_config_change(change, PRINTED_NAMESPACE)
    assert etree.QName(etree.fromstring(data)).namespace == PRINTED_NAMESPACE
    assert parse_config_change(data) == change


def test_is_public_is_written_in_lower_case_and_read_in_either() -> None:
    change = ConfigChange("insert-endusercfg", (Property("a", "b", is_public=True),))
    data = render_config_change(change)
    assert b'is-public="true"' in data
    assert parse_config_change(data.replace(b'"true"', b'"TRUE"')) == change


def test_texts_that_look_like_xml_are_texts() -> None:
    change = ConfigChange(
        "update-acl", old=AclItem('a "b" <c>', "x&y@z"), new=AclItem("]]>", "w@z"), properties=()
    )
    assert parse_config_change(render_config_change(change)) == change


@pytest.mark.parametrize(
    ("place", "printed"), [("1", "1.0"), ("1000.9", "1000.9"), ("-33.3", "-33.3"), ("-200", "-200.0")]
)
def test_the_index_of_a_contacts_group_has_one_place_at_least(place: str, printed: str) -> None:
    item = ContactItem("General", Decimal(place), "Jack", Decimal(place), "", local=True)
    root = etree.fromstring(render_config_change(ConfigChange("insert-contact", new=item)))
    group, persona = root[1][0], root[1][0][0]
    assert (group.get("index"), persona.get("index")) == (printed, f"{Decimal(place):.10f}")


def in_root(inside: str) -> bytes:
    return f'<UPCConfigChange xmlns="urn:cisco:epas:uccn">{inside}</UPCConfigChange>'.encode()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<UPCConfigChange/>", "the root element is UPCConfigChange"),
        (in_root(""), "no action"),
        (in_root("<action>a</action><old><x/></old>"), "old with neither group nor rule"),
        (in_root('<action>a</action><new><group name="" index="1e9"/></new>'), "index '1e9' is no number"),
        (b'<!DOCTYPE a><UPCConfigChange xmlns="urn:cisco:epas:uccn"/>', "a DTD is not accepted"),
    ],
)
def test_what_is_no_change_is_refused_with_the_reason(document: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parse_config_change(document)
