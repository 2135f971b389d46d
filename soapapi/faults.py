"""The two faults that the interface has, and those that SOAP itself asks for, in the form of either version.

SPEC R54, Q23: the text is always the printed one.  Which of many things was wrong is told by a Subcode in
SOAP 1.2 and, as SOAP 1.1 §4.4.1 has it, behind a dot of the faultcode in 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from soapapi.names import EPAS, SOAP11, SOAP12

INVALID: Final = "Invalid request."
DATABASE: Final = "Could not connect to database."
INTERNAL: Final = "Internal error."

_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_CODES_11: Final = {"Sender": "Client", "Receiver": "Server"}
_DECLARATION: Final = b"<?xml version='1.0' encoding='UTF-8'?>\n"


class SoapFault(Exception):
    """A request that gets a fault and no answer; nothing of it was done unless its `code` is Receiver.

    Attributes:
        code: as SOAP 1.2 names it: Sender, Receiver, MustUnderstand or VersionMismatch.
        reason: the text for people.
        subcode: what was wrong, one word in letters for diagnosis; "" for none.
        headers: names of the header blocks that were not understood, as (namespace, local name).
    """

    def __init__(
        self, code: str, reason: str, subcode: str = "", headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(f"{reason} ({subcode or code})")
        self.code = code
        self.reason = reason
        self.subcode = subcode
        self.headers = tuple(headers)


def invalid(subcode: str) -> SoapFault:
    """The request does not conform; `subcode` tells in what, for instance "NoSession" or "NotWellFormed"."""
    return SoapFault("Sender", INVALID, subcode)


def render_fault(fault: SoapFault, version: str) -> bytes:
    """The whole message, in the SOAP version whose namespace is `version`."""
    envelope = etree.Element(f"{{{version}}}Envelope", nsmap={"env": version})
    if version == SOAP12:
        _headers(fault, envelope)
    body = etree.SubElement(envelope, f"{{{version}}}Body")
    element = etree.SubElement(body, f"{{{version}}}Fault")
    (_fill_12 if version == SOAP12 else _fill_11)(fault, element)
    return _DECLARATION + etree.tostring(envelope, encoding="UTF-8")


def fault_status(fault: SoapFault, version: str) -> int:
    """The HTTP status: SOAP 1.1 §6.2 knows only 500, SOAP 1.2 part 2 §7.5.2.2 has 400 for Sender."""
    return 400 if version == SOAP12 and fault.code == "Sender" else 500


def _headers(fault: SoapFault, envelope: etree._Element) -> None:
    """SOAP 1.2 part 1 §5.4.7 and §5.4.8."""
    if fault.code == "VersionMismatch":
        header = etree.SubElement(envelope, f"{{{SOAP12}}}Header")
        upgrade = etree.SubElement(header, f"{{{SOAP12}}}Upgrade")
        for prefix, namespace in (("env", SOAP12), ("env11", SOAP11)):
            supported = etree.SubElement(upgrade, f"{{{SOAP12}}}SupportedEnvelope", nsmap={prefix: namespace})
            supported.set("qname", f"{prefix}:Envelope")
    elif fault.headers:
        header = etree.SubElement(envelope, f"{{{SOAP12}}}Header")
        for namespace, name in fault.headers:
            # A prefix cannot stand for no namespace (Namespaces in XML 1.0 §5), a name without one does.
            nsmap = {"h": namespace} if namespace else None
            block = etree.SubElement(header, f"{{{SOAP12}}}NotUnderstood", nsmap=nsmap)
            block.set("qname", f"h:{name}" if namespace else name)


def _fill_11(fault: SoapFault, element: etree._Element) -> None:
    code = f"env:{_CODES_11.get(fault.code, fault.code)}"
    etree.SubElement(element, "faultcode").text = f"{code}.{fault.subcode}" if fault.subcode else code
    etree.SubElement(element, "faultstring").text = fault.reason


def _fill_12(fault: SoapFault, element: etree._Element) -> None:
    code = etree.SubElement(element, f"{{{SOAP12}}}Code")
    etree.SubElement(code, f"{{{SOAP12}}}Value").text = f"env:{fault.code}"
    if fault.subcode:
        subcode = etree.SubElement(code, f"{{{SOAP12}}}Subcode", nsmap={"epas": EPAS})
        etree.SubElement(subcode, f"{{{SOAP12}}}Value").text = f"epas:{fault.subcode}"
    reason = etree.SubElement(element, f"{{{SOAP12}}}Reason")
    text = etree.SubElement(reason, f"{{{SOAP12}}}Text")
    text.set(_XML_LANG, "en")
    text.text = fault.reason
