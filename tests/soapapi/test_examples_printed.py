"""Printed requests that need no others before them get the printed answers (Examples 8 to 25)."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from soapapi.names import EPAS, SOAP11, SOAP12
from tests.support.soap import TYPES, canonical, with_key


@ensureDeferred
async def test_example_11_gets_the_answer_of_example_12(soap):
    reply = await soap.post(soap.printed("11.request"))
    assert reply.status == 200
    assert canonical(reply.body) == canonical(soap.printed("12.response"))


@ensureDeferred
async def test_a_wrong_password_gets_the_answer_of_example_13(soap):
    request = soap.printed("11.request").replace(b"12345", b"54321")
    reply = await soap.post(request)
    assert reply.status == 200
    assert canonical(reply.body) == canonical(soap.printed("13.response"))


@ensureDeferred
async def test_a_second_login_gets_the_answer_of_example_14(soap):
    await soap.post(soap.printed("11.request"))
    reply = await soap.post(soap.printed("11.request"))
    assert reply.status == 200
    assert canonical(reply.body) == canonical(soap.printed("14.response"))


@ensureDeferred
async def test_a_wrong_password_is_told_before_that_there_is_a_session(soap):
    """Q26."""
    await soap.login()
    reply = await soap.post(soap.printed("11.request").replace(b"12345", b"54321"))
    assert canonical(reply.body) == canonical(soap.printed("13.response"))


@ensureDeferred
async def test_the_forced_login_of_example_15_gets_a_key_and_ends_the_session_before(soap):
    old = await soap.login()
    reply = await soap.post(soap.printed("15.request"))
    assert canonical(reply.body) == canonical(soap.printed("12.response"))
    new = reply.content.findtext("{*}success/{*}session-key")
    assert new != old
    assert (await soap.call("<get-user-config/>", old)).fault == (
        "env:Sender",
        "UnknownSession",
        "Invalid request.",
    )
    assert (await soap.call("<get-user-config/>", new)).status == 200


@ensureDeferred
async def test_example_16_ends_the_session_and_withdraws_the_tuple(soap):
    key = await soap.login()
    reply = await soap.post(with_key(soap.printed("16.request"), key))
    assert canonical(reply.body) == canonical(soap.printed("17.response"))
    assert soap.withdrawn == [("sip:xmzhou@cisco.com", "cupc-override")]
    assert (await soap.call("<get-user-config/>", key)).fault[1] == "UnknownSession"


@ensureDeferred
async def test_a_logout_without_a_tuple_withdraws_nothing(soap):
    key = await soap.login()
    reply = await soap.call("<logout/>", key)
    assert canonical(reply.body) == canonical(soap.printed("17.response"))
    assert soap.withdrawn == []


@pytest.mark.parametrize("number", [20, 22, 24])
@ensureDeferred
async def test_configuration_of_a_new_user_is_as_printed(soap, number):
    """Examples 20 to 25."""
    key = await soap.login()
    reply = await soap.post(with_key(soap.printed(f"{number}.request"), key))
    assert reply.status == 200
    assert canonical(reply.body) == canonical(soap.printed(f"{number + 1}.response"))


@ensureDeferred
async def test_what_was_set_is_fetched(soap):
    key = await soap.login()
    await soap.post(with_key(soap.printed("24.request"), key))
    reply = await soap.post(with_key(soap.printed("22.request"), key))
    found = [(it.get("name"), it.get("is-public"), it.text or "") for it in reply.content]
    assert found == [
        ("CallControl.Lineid", "false", ""),
        ("PhoneNumber.Primary", "true", "200"),
        ("Preferred.Contact", "true", "email"),
        ("UI.Color.Background", "false", "white"),
        ("UI.Color.Foreground", "false", "black"),
    ]


@ensureDeferred
async def test_one_property_that_cannot_be_set_keeps_no_other_from_it(soap):
    key = await soap.login()
    reply = await soap.call(
        '<set-user-config><property name="a" is-public="maybe">1</property><property>2</property>'
        '<property name="b" is-public="TRUE">3</property><property name="c"/></set-user-config>',
        key,
    )
    assert [dict(it.attrib) for it in reply.content] == [
        {"name": "a", "status-code": "1"},
        {"status-code": "1"},
        {"name": "b", "status-code": "0"},
        {"name": "c", "status-code": "0"},
    ]
    fetched = await soap.call("<get-user-config/>", key)
    found = [(it.get("name"), it.get("is-public"), it.text or "") for it in fetched.content]
    assert found == [("CallControl.Lineid", "false", ""), ("b", "true", "3"), ("c", "false", "")]


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@ensureDeferred
async def test_the_answer_is_of_the_version_of_the_request(soap, version):
    """Q21: with its namespace and media type, and the prefixes of the examples."""
    key = await soap.login()
    reply = await soap.call("<get-user-config/>", key, version)
    assert reply.headers["content-type"] == TYPES[version]
    assert reply.root.tag == f"{{{version}}}Envelope"
    assert reply.root.prefix == "env"
    assert (reply.content.prefix, reply.content.tag) == ("epas", f"{{{EPAS}}}get-user-config-resp")
    assert {it.prefix for it in reply.content.iter()} == {"epas"}


@ensureDeferred
async def test_the_header_of_example_8_is_read(soap):
    """SOAP 1.1 with a prefixed session-key; the comment in it stands for a request."""
    key = await soap.login()
    request = with_key(soap.printed("08.request"), key)
    request = request.replace(b"<!-- a non login request body here -->", b"<get-user-config/>")
    reply = await soap.post(request, "text/xml")
    assert (reply.status, reply.content.tag) == (200, f"{{{EPAS}}}get-user-config-resp")


@pytest.mark.parametrize("force", ["false", "0", " 0 "])
@ensureDeferred
async def test_a_login_with_force_false_is_one_without_it(soap, force):
    await soap.login()
    request = soap.printed("15.request").replace(b'"true"', f'"{force}"'.encode())
    assert canonical((await soap.post(request)).body) == canonical(soap.printed("14.response"))


@pytest.mark.parametrize("force", ["yes", "TRUE", ""])
@ensureDeferred
async def test_a_login_with_another_force_is_no_request(soap, force):
    """Q28."""
    request = soap.printed("15.request").replace(b'"true"', f'"{force}"'.encode())
    reply = await soap.post(request)
    assert (reply.status, reply.fault) == (400, ("env:Sender", "NotBoolean", "Invalid request."))
