"""docs/soap.md: every operation is there, and its requests, one by one, get the answers beside them."""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree
from pytest_twisted import ensureDeferred

import soapapi
from presence.provisioning.dial_rules import APPLICATION, DialingRule
from presence.provisioning.hosts import Licences
from tests.support.soap import canonical

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "soap.md"
OPERATION = re.compile(r"^### (\S+)\n\n.*?```xml\n(.*?)```\n```xml\n(.*?)```", re.DOTALL | re.MULTILINE)


@ensureDeferred
async def test_the_requests_of_the_document_get_the_answers_beside_them(soap):
    soap.services.profiles.set_licences("xmzhou@cisco.com", Licences(base=True, im=True))
    soap.services.dialing.add(DialingRule(APPLICATION, "out", "To the street", 1, "0", 10, 1, "9"))
    documented = OPERATION.findall(DOCUMENT.read_text("utf-8"))
    assert {name for name, _, _ in documented} == soap.application.operations
    key = None
    for name, request, answer in documented:
        reply = await soap.call(request, key)
        given = reply.content
        if name == "login":
            key = given.findtext(".//{*}session-key")
        if name == "get-system-config":
            # As the document says, it is cut short.
            for it in given[2:]:
                given.remove(it)
        assert canonical(given) == canonical(answer.encode()), name


def test_every_word_of_a_fault_is_explained():
    explained = set(re.findall(r"`([A-Z][A-Za-z]+)`", DOCUMENT.read_text("utf-8")))
    sources = [*Path(soapapi.__file__).parent.glob("**/*.py")]
    words = {word for it in sources for word in re.findall(r'invalid\("(\w+)"\)', it.read_text("utf-8"))}
    assert words <= explained
    assert len(words) > 10


def test_the_document_is_xml_that_can_be_read():
    for _, request, answer in OPERATION.findall(DOCUMENT.read_text("utf-8")):
        etree.fromstring(request)
        etree.fromstring(answer)
