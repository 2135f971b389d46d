"""Spyne's SOAP protocols with what they leave undone done: reading and writing of messages.

Spyne keeps which operations there are and what their messages are made of, and calls them.  Its readers are
not used: they follow `href`, `xsi:type` and `xsi:nil`, and take attributes of a child for members of its
parent.
"""

from __future__ import annotations

from typing import Any

from lxml import etree
from spyne import ComplexModel
from spyne.model.complex import XmlAttribute, XmlData
from spyne.model.primitive import AnyXml
from spyne.protocol.soap import Soap11, Soap12

from soapapi.faults import invalid
from soapapi.names import EPAS, RULES

__all__ = ["Epas11", "Epas12"]


class _Epas(Soap11):
    """What both versions have in common.  `printed`: send what the guide prints in no namespace so (Q38)."""

    def __init__(self, *, printed: bool = False) -> None:
        super().__init__()
        self._printed = printed

    # -- in

    def create_in_document(self, ctx: Any, charset: str | None = None) -> None:
        """It was parsed before (`soapapi.envelope`)."""

    def decompose_incoming_envelope(self, ctx: Any, message: Any = None) -> None:
        """The element in the body says which operation is called."""
        ctx.in_body_doc = ctx.in_document.body
        ctx.method_request_string = f"{{{EPAS}}}{ctx.in_document.name}"

    def deserialize(self, ctx: Any, message: Any) -> None:
        """The request as its class has it.

        Raises:
            SoapFault: there is something twice that may be there once.
        """
        ctx.in_object = _read(ctx.descriptor.in_message, ctx.in_body_doc)

    # -- out

    def serialize(self, ctx: Any, message: Any) -> None:
        """The answer in an envelope."""
        envelope = etree.Element(f"{{{self.ns_soap_env}}}Envelope", nsmap={"env": self.ns_soap_env})
        body = etree.SubElement(envelope, f"{{{self.ns_soap_env}}}Body")
        cls = ctx.descriptor.out_message
        element = etree.SubElement(body, f"{{{EPAS}}}{cls.Attributes.sub_name}", nsmap={"epas": EPAS})
        self._write(cls, ctx.out_object[0], element)
        ctx.out_document = envelope

    def create_out_string(self, ctx: Any, charset: str | None = None) -> None:
        """UTF-8."""
        ctx.out_string = [etree.tostring(ctx.out_document, encoding="UTF-8", xml_declaration=True)]

    def _write(self, cls: Any, value: Any, element: etree._Element) -> None:
        if not issubclass(cls, ComplexModel):
            element.text = value
            return
        for key, member in cls.get_flat_type_info(cls).items():
            content = getattr(value, key)
            if content is None:
                continue
            name = _wire(key)
            if issubclass(member, XmlAttribute):
                element.set(name, content)
            elif issubclass(member, XmlData):
                element.text = content
            elif member.Attributes.max_occurs > 1:
                for one in content:
                    self._write_child(cls, key, member, one, element)
            else:
                self._write_child(cls, key, member, content, element)

    def _write_child(self, cls: Any, key: str, member: Any, content: Any, element: etree._Element) -> None:
        if issubclass(member, AnyXml):
            element.append(content)
            return
        name = _wire(key)
        if key in cls._rules:
            child = etree.SubElement(element, f"{{{RULES}}}{name}", nsmap={"pr": RULES})
        elif self._printed and key in cls._unprefixed:
            child = etree.SubElement(element, name)
        else:
            child = etree.SubElement(element, f"{{{EPAS}}}{name}", nsmap={"epas": EPAS})
        self._write(member, content, child)


class Epas11(_Epas):
    """SOAP 1.1."""


class Epas12(_Epas, Soap12):
    """SOAP 1.2."""

    ns_soap_env = Soap12.ns_soap_env


def _wire(key: str) -> str:
    return key.replace("_", "-")


def _read(cls: Any, element: etree._Element) -> Any:
    if issubclass(cls, AnyXml):
        return element
    if not issubclass(cls, ComplexModel):
        return _text(element)
    # What an element is made of, not what is said of it where it is a member.
    message = (cls.__orig__ or cls)()
    children: dict[str, list[etree._Element]] = {}
    for child in element:
        children.setdefault(etree.QName(child).localname, []).append(child)
    for key, member in cls.get_flat_type_info(cls).items():
        name = _wire(key)
        if issubclass(member, XmlAttribute):
            setattr(message, key, element.get(name))
        elif issubclass(member, XmlData):
            setattr(message, key, _text(element))
        elif name not in children:
            setattr(message, key, None)
        elif member.Attributes.max_occurs > 1:
            setattr(message, key, [_read(member, child) for child in children[name]])
        elif len(children[name]) > 1:
            raise invalid("GivenTwice")
        else:
            setattr(message, key, _read(member, children[name][0]))
    return message


def _text(element: etree._Element) -> str:
    return element.text or ""
