"""The WSDL is kept by hand: it has every operation, fits all printed messages, and tool kits read it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import etree
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from soapapi.names import EPAS, RULES
from soapapi.wsdl import render_wsdl
from tests.soapapi.test_documented import DOCUMENT, OPERATION
from tests.support.soap import PASSWORD

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XSD = "{http://www.w3.org/2001/XMLSchema}"
ADDRESS = "http://localhost/EPASSoap/service"


@pytest.fixture(scope="module")
def definitions() -> etree._Element:
    return etree.fromstring(render_wsdl(ADDRESS))


@pytest.fixture(scope="module")
def schema(definitions, tmp_path_factory) -> etree.XMLSchema:
    folder = tmp_path_factory.mktemp("schema")
    rules, epas = definitions.findall(f".//{XSD}schema")
    assert (rules.get("targetNamespace"), epas.get("targetNamespace")) == (RULES, EPAS)
    (folder / "rules.xsd").write_bytes(etree.tostring(rules))
    epas.find(f"{XSD}import").set("schemaLocation", "rules.xsd")
    (folder / "epas.xsd").write_bytes(etree.tostring(epas))
    return etree.XMLSchema(etree.parse(folder / "epas.xsd"))


def wire(operation: etree._Element) -> str:
    return operation.get("name").replace("_", "-")


def test_it_has_an_input_and_an_output_for_each_operation(definitions):
    for operation in definitions.iterfind(f"{WSDL}portType/{WSDL}operation"):
        messages = [it.get("message") for it in operation]
        assert messages == [f"epas:{wire(operation)}", f"epas:{wire(operation)}-resp"]


def test_both_versions_of_soap_have_all_operations(definitions):
    of_type = [wire(it) for it in definitions.iterfind(f"{WSDL}portType/{WSDL}operation")]
    bindings = definitions.findall(f"{WSDL}binding")
    assert len(bindings) == 2
    for binding in bindings:
        assert [wire(it) for it in binding.iterfind(f"{WSDL}operation")] == of_type


def test_every_operation_but_login_has_the_session_key_in_its_header(definitions):
    for operation in definitions.iterfind(f"{WSDL}binding/{WSDL}operation"):
        header = operation.find(f"{WSDL}input/{{*}}header")
        assert (header is None) == (wire(operation) == "login")


def local(value: str) -> str:
    """The local part of a QName of this document."""
    prefix, _, name = value.partition(":")
    assert prefix == "epas", value
    return name


def test_every_name_that_is_referred_to_is_defined_once(definitions):
    """WSDL 1.1 §2.1.1: by kind, each in its own space of names."""
    defined = {
        kind: [it.get("name") for it in definitions.iterfind(f"{WSDL}{kind}")]
        for kind in ("message", "portType", "binding", "service")
    }
    for kind, names in defined.items():
        assert len(names) == len(set(names)), kind
    (epas,) = (it for it in definitions.iter(f"{XSD}schema") if it.get("targetNamespace") == EPAS)
    elements = {it.get("name") for it in epas.iterfind(f"{XSD}element")}
    for part in definitions.iterfind(f"{WSDL}message/{WSDL}part"):
        assert local(part.get("element")) in elements
        assert part.get("type") is None, "a document that is sent literally is an element (§3.5)"
    for one in definitions.iterfind(f"{WSDL}portType/{WSDL}operation/*"):
        assert local(one.get("message")) in defined["message"]
    for binding in definitions.iterfind(f"{WSDL}binding"):
        assert local(binding.get("type")) in defined["portType"]
    for port in definitions.iterfind(f"{WSDL}service/{WSDL}port"):
        assert local(port.get("binding")) in defined["binding"]
    used = {local(it.get("message")) for it in definitions.iter() if it.get("message")}
    assert used == set(defined["message"]), "no message is there for nothing"


def test_its_parts_stand_in_the_order_of_the_schema_of_wsdl(definitions):
    """WSDL 1.1 §A4.1; each kind of part begins where the one before has ended."""
    found = [etree.QName(it).localname for it in definitions.iterchildren(etree.Element)]
    assert found == sorted(found, key=["types", "message", "portType", "binding", "service"].index)
    for operation in definitions.iterfind(f"{WSDL}portType/{WSDL}operation"):
        assert [etree.QName(it).localname for it in operation] == ["input", "output"]


def test_both_bindings_are_documents_sent_literally_over_http(definitions):
    """WSDL 1.1 §3.3 to §3.7, and the WSDL 1.1 binding for SOAP 1.2."""
    found = []
    for binding in definitions.iterfind(f"{WSDL}binding"):
        (soap,) = binding.iterfind("{*}binding")
        namespace = f"{{{etree.QName(soap).namespace}}}"
        found.append(namespace)
        assert soap.get("transport") == "http://schemas.xmlsoap.org/soap/http"
        assert soap.get("style", "document") == "document"
        for operation in binding.iterfind(f"{WSDL}operation"):
            assert operation.find(f"{namespace}operation").get("soapAction") == ""
            for side in ("input", "output"):
                assert operation.find(f"{WSDL}{side}/{namespace}body").get("use") == "literal"
            for header in operation.iter(f"{namespace}header"):
                assert (header.get("message"), header.get("part")) == ("epas:session", "session-key")
                assert header.get("use") == "literal"
    assert sorted(found) == [
        "{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/soap12/}"
    ]  # fmt: skip
    for port, namespace in zip(definitions.iterfind(f"{WSDL}service/{WSDL}port"), found, strict=True):
        assert port.find(f"{namespace}address").get("location") == ADDRESS


def examples(shared: Path) -> list[Path]:
    return sorted((shared / "reference" / "cup" / "soap").glob("**/*.re*.xml"))


def test_every_printed_message_fits(shared, schema):
    """Elements without a namespace are taken for what they are meant to be (Q38)."""
    tried = 0
    for file in examples(shared):
        content = [it for it in etree.parse(file).getroot().find("{*}Body") if isinstance(it.tag, str)]
        if not content or etree.QName(content[0]).localname == "Fault":
            continue
        for element in content[0].iter(etree.Element):
            if etree.QName(element).namespace is None:
                element.tag = f"{{{EPAS}}}{element.tag}"
        # Anew, so that what was said of prefixes holds for the new names.
        schema.assertValid(etree.fromstring(etree.tostring(content[0])))
        tried += 1
    assert tried > 55


def test_every_request_and_answer_of_the_document_fits(schema):
    documented = OPERATION.findall(DOCUMENT.read_text("utf-8"))
    for _, request, answer in documented:
        for message in (request, answer):
            inside = etree.fromstring(f'<x xmlns="{EPAS}">{message}</x>')[0]
            schema.assertValid(etree.fromstring(etree.tostring(inside)))
    assert len(documented) == 27


def test_it_has_every_operation_of_the_service_and_no_other(definitions, operations):
    assert operations == {wire(it) for it in definitions.iterfind(f"{WSDL}portType/{WSDL}operation")}


@pytest.fixture
def operations(soap) -> frozenset[str]:
    return soap.application.operations


@ensureDeferred
async def test_zeep_logs_in_and_fetches_contacts_from_the_wsdl_alone(soap):
    def session() -> tuple[str, list[str]]:
        import zeep

        with zeep.Client(f"http://127.0.0.1:{soap.port}/EPASSoap/service?wsdl") as client:
            answer = client.service.login("xmzhou", PASSWORD, force=True)
            key = answer["success"]["session-key"]
            groups = client.service.get_contact_list(_soapheaders={"session-key": key})
            return key, [(it["name"], it["index"]) for it in groups]

    key, groups = await deferToThread(session).addTimeout(20, reactor)
    assert soap.services.sessions.owner(key) == "sip:xmzhou@cisco.com"
    assert groups == []


@pytest.mark.parametrize("port", ["soap11", "soap12"])
@ensureDeferred
async def test_zeep_is_told_a_fault_by_either_port(soap, port):
    def session() -> tuple[str, str]:
        import zeep

        with zeep.Client(f"http://127.0.0.1:{soap.port}/EPASSoap/service?wsdl") as client:
            service = client.bind("EPASSoap", port)
            with pytest.raises(zeep.exceptions.Fault) as raised:
                service.get_user_config(_soapheaders={"session-key": "stale"})
            return raised.value.message, raised.value.code

    message, code = await deferToThread(session).addTimeout(20, reactor)
    assert message == "Invalid request."
    assert code == {"soap11": "env:Client.UnknownSession", "soap12": "env:Sender"}[port]


@pytest.mark.skipif(shutil.which("wsdl2h") is None, reason="needs gSOAP (Debian package gsoap)")
def test_gsoap_reads_it(tmp_path):
    file = tmp_path / "epas.wsdl"
    file.write_bytes(render_wsdl(ADDRESS))
    done = subprocess.run(
        ["wsdl2h", "-o", str(tmp_path / "epas.h"), str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    warnings = [it for it in done.stderr.splitlines() if it.startswith("Warning")]
    # That there are two versions of SOAP is meant so.
    assert [it for it in warnings if "2 service bindings found" not in it] == []
