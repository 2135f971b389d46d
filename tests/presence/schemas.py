"""The schemas of PIDF and its extensions as one, for documents that the server writes."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from lxml import etree

_TOGETHER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:import namespace="urn:ietf:params:xml:ns:pidf" schemaLocation="pidf.xsd"/>
<xs:import namespace="urn:ietf:params:xml:ns:pidf:data-model" schemaLocation="data-model.xsd"/>
<xs:import namespace="urn:ietf:params:xml:ns:pidf:rpid" schemaLocation="rpid.xsd"/>
<xs:import namespace="urn:ietf:params:xml:ns:pidf:timed-status" schemaLocation="rfc4481-timed-status.xsd"/>
<xs:import namespace="urn:ietf:params:xml:ns:pidf:cipid" schemaLocation="cipid.xsd"/>
<xs:import namespace="urn:ietf:params:xml:ns:pidf:caps" schemaLocation="caps.xsd"/>
</xs:schema>"""


@lru_cache(maxsize=1)
def pidf_schema(shared: Path) -> etree.XMLSchema:
    root = etree.fromstring(_TOGETHER, base_url=str(shared / "schemas" / "together.xsd"))
    return etree.XMLSchema(root)


def check(shared: Path, document: bytes) -> etree._Element:
    root = etree.fromstring(document)
    schema = pidf_schema(shared)
    assert schema.validate(root), f"{schema.error_log}\n{document.decode()}"
    return root


def as_published(document: bytes) -> bytes:
    """The ids of tuples as they were published, without what says of which publication they are."""
    return re.sub(rb'(<tuple id="[^"]*?)(?:-[0-9a-f]{10})+"', rb'\1"', document)
