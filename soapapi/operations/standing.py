"""publish-pres-status, unpublish-pres-status (SPEC R81 to R83, Q49; Examples 55 to 58): long-term status."""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from soapapi.faults import invalid
from soapapi.markup import outer_xml
from soapapi.messages import Markup, Message, Text
from soapapi.operation import Call, Service, operation

# The text is decoded: what its declaration says of bytes does not hold any more.
_DECLARATION: Final = re.compile(r"<\?xml\s[^>]*\?>")


class StatusCode(Message):
    """0."""

    status_code = Text


class LongTermStatus(Service):
    """What holds until the user takes it back."""

    @operation("publish-pres-status", Markup, StatusCode)
    def publish_pres_status(call: Call, request: etree._Element) -> StatusCode:
        """A presence document (PIDF) in place of an earlier one; none at all is a fault (R82, Q49)."""
        call.services.standing.publish(call.owner, _document(request).encode())
        return StatusCode(status_code="0")

    @operation("unpublish-pres-status", response=StatusCode)
    def unpublish_pres_status(call: Call) -> StatusCode:
        """It is taken back, if there is one (R82)."""
        call.services.standing.unpublish(call.owner)
        return StatusCode(status_code="0")


def _document(request: etree._Element) -> str:
    """The document, which is an element or the escaped text of one."""
    texts = [request.text or "", *(it.tail or "" for it in request)]
    text = "".join(texts).strip()
    if len(request) > 1 or (len(request) == 1 and text):
        raise invalid("SeveralDocuments")
    if len(request) == 1:
        return outer_xml(request[0])
    return _DECLARATION.sub("", text, count=1) if _DECLARATION.match(text) else text
