"""The building blocks of requests and answers.

A request or an answer is a `Message` whose members are texts, attributes and other messages.  A member
`is_public` is `is-public` on the wire.  Every text is a `str`, None if it is not there: what a bad value in
an item means is for the operation to say, for mostly it is no fault.
"""

from __future__ import annotations

from typing import Any, ClassVar

from spyne import ComplexModel, Unicode
from spyne.model.complex import XmlAttribute, XmlData
from spyne.model.primitive import AnyXml

from soapapi.faults import invalid
from soapapi.names import EPAS

__all__ = ["Attribute", "Empty", "Markup", "Message", "Text", "Value", "boolean", "many"]

Text = Unicode
"""An element with text."""

Attribute = XmlAttribute(Unicode)
"""An attribute of the element itself."""

Value = XmlData(Unicode)
"""The text of the element itself; "" if it is empty."""

Markup = AnyXml
"""An element as it is (lxml), which the operation reads or makes itself; its name counts in requests only."""


class Message(ComplexModel):
    """An element with members, in their order.

    Members are given by keyword; what is None is not sent.
    """

    __namespace__ = EPAS

    _rules: ClassVar[frozenset[str]] = frozenset()
    """The members that are in the namespace of presence rules."""
    _unprefixed: ClassVar[frozenset[str]] = frozenset()
    """The members that the guide prints in no namespace; by a setting they are sent so (Q38)."""


class Empty(Message):
    """An element with nothing in it."""

    _type_info: ClassVar[dict[str, Any]] = {}


def many(member: Any) -> Any:
    """A member that may be there any number of times; its value is a list, None if there are none."""
    return member.customize(min_occurs=0, max_occurs="unbounded")


def boolean(text: str | None, default: bool) -> bool:
    """An xs:boolean where a request needs one (Q28).

    Raises:
        SoapFault: it is none.
    """
    if text is None:
        return default
    match text.strip():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise invalid("NotBoolean")
