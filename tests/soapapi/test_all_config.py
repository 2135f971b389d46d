"""get-all-config: the sections of Example 18, in the order of Example 19."""

from __future__ import annotations

import pytest
from lxml import etree
from pytest_twisted import ensureDeferred

from presence.policy.cisco import CiscoRule
from presence.provisioning.hosts import Licences
from soapapi.names import EPAS, RULES
from tests.support.soap import canonical, with_key

ALL = (
    "system-config",
    "user-config",
    "licensing-features",
    "contact-list",
    "presence-rules",
    "dialing-rules",
)


def sections(reply) -> list[str]:
    return [etree.QName(it).localname for it in reply.content]


async def ask(soap, content: str):
    return await soap.call(f"<get-all-config>{content}</get-all-config>", await soap.login())


@ensureDeferred
async def test_example_18_gets_the_answer_of_example_19(soap):
    """With the licences that it shows."""
    soap.services.profiles.set_licences("xmzhou@cisco.com", Licences(False, False, False, False))
    reply = await soap.post(with_key(soap.printed("18.request"), await soap.login()))
    assert reply.status == 200
    assert canonical(reply.body) == canonical(soap.printed("19.response"))


@pytest.mark.parametrize(
    "wanted", [*[(name,) for name in ALL], ("dialing-rules", "system-config"), ALL[::-1]]
)
@ensureDeferred
async def test_the_sections_that_are_asked_for_come_in_their_order(soap, wanted):
    reply = await ask(soap, "".join(f"<{name}/>" for name in wanted))
    assert sections(reply) == [f"get-{name}-resp" for name in ALL if name in wanted]


@pytest.mark.parametrize("content", ["", "<recent-comm/>"])
@ensureDeferred
async def test_all_sections_come_if_none_is_asked_for(soap, content):
    """Q29."""
    assert sections(await ask(soap, content)) == [f"get-{name}-resp" for name in ALL]


@ensureDeferred
async def test_the_rules_of_a_user_who_has_some_take_the_place_of_the_flat_pair(soap):
    """Q39."""
    soap.services.presence_rules.set("xmzhou@cisco.com", [CiscoRule("friends")])
    reply = await ask(soap, "<presence-rules/>")
    (rules,) = reply.content
    assert [(it.tag, it.get("name")) for it in rules] == [(f"{{{EPAS}}}presence-rule", "friends")]
    assert rules.find(f".//{{{RULES}}}reachability") is not None


@ensureDeferred
async def test_a_section_is_what_the_operation_of_its_name_answers(soap):
    key = await soap.login()
    await soap.post(with_key(soap.printed("28.request"), key))
    every = await soap.call("<get-all-config/>", key)
    for name in ("system-config", "user-config", "licensing-features", "contact-list", "dialing-rules"):
        alone = await soap.call(f"<get-{name}/>", key)
        assert canonical(every.content.find(f"{{*}}get-{name}-resp")) == canonical(alone.content)
