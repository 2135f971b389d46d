"""Documents in, the document that a view leaves for one watcher out, checked against the schemas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from presence.composition import Component, Composed, CompositionSettings, compose, render
from presence.documents.pidf_reader import parse_pidf
from presence.documents.xsd import epoch
from presence.policy.model import Rule
from presence.policy.restriction import UNRESTRICTED
from presence.policy.view import View
from tests.presence.schemas import as_published, check

AOR = "sip:alice@example.com"
NOW = epoch("2026-01-01T12:00:00Z") or 0.0
SETTINGS = CompositionSettings()

NAMESPACES = {
    "p": "urn:ietf:params:xml:ns:pidf",
    "dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "rpid": "urn:ietf:params:xml:ns:pidf:rpid",
    "ce": "urn:cisco:params:xml:ns:pidf:rpid",
    "foo": "urn:vendor-specific:foo-namespace",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items() if prefix != "p")

FULL = """
<tuple id="sip">
  <status><basic>open</basic><foo:bar>in the status</foo:bar></status>
  <foo:foo>of the phone</foo:foo>
  <dm:deviceID>urn:device:1</dm:deviceID>
  <rpid:class>biz</rpid:class>
  <rpid:mood><rpid:happy/></rpid:mood>
  <rpid:privacy><rpid:audio/></rpid:privacy>
  <rpid:relationship><rpid:self/></rpid:relationship>
  <rpid:service-class><rpid:electronic/></rpid:service-class>
  <rpid:status-icon>http://example.com/phone.gif</rpid:status-icon>
  <rpid:user-input idle-threshold="600" last-input="2026-01-01T10:00:00Z">idle</rpid:user-input>
  <contact priority="0.8">sip:alice@example.com</contact>
  <note>at the desk</note>
  <timestamp>2026-01-01T11:00:00Z</timestamp>
</tuple>
<tuple id="mail"><status><basic>closed</basic></status><rpid:class>home</rpid:class>
  <contact>mailto:alice@example.com</contact></tuple>
<note>of the whole</note>
<dm:person id="alice">
  <foo:foo>of the person</foo:foo>
  <rpid:activities><rpid:meeting/><rpid:note>with Bob</rpid:note></rpid:activities>
  <rpid:class>biz</rpid:class>
  <rpid:mood><rpid:sad/></rpid:mood>
  <rpid:place-is><rpid:audio><rpid:noisy/></rpid:audio></rpid:place-is>
  <rpid:place-type><rpid:other>office</rpid:other></rpid:place-type>
  <rpid:privacy><rpid:text/></rpid:privacy>
  <rpid:sphere><rpid:work/></rpid:sphere>
  <rpid:status-icon>http://example.com/alice.gif</rpid:status-icon>
  <rpid:time-offset>60</rpid:time-offset>
  <rpid:user-input>active</rpid:user-input>
  <dm:note>of the person</dm:note>
  <dm:timestamp>2026-01-01T11:00:00Z</dm:timestamp>
</dm:person>
<dm:device id="pc">
  <rpid:class>biz</rpid:class>
  <rpid:user-input idle-threshold="600">active</rpid:user-input>
  <foo:foo>of the device</foo:foo>
  <dm:deviceID>urn:device:1</dm:deviceID>
  <dm:note>of the device</dm:note>
  <dm:timestamp>2026-01-01T11:00:00Z</dm:timestamp>
</dm:device>
<foo:foo>of the whole</foo:foo>
"""


def component(body: str, source: str = "phone", at: float = NOW) -> Component:
    document = f'<presence entity="{AOR}" xmlns="{NAMESPACES["p"]}" {_DECLARED}>{body}</presence>'
    return Component(source, source, 0.0, at, parse_pidf(document.encode()))


def composer(components: Sequence[Component], now_wall: float) -> Composed:
    return compose(components, now_wall, SETTINGS)


def document(view: View, *components: Component) -> bytes:
    return render(AOR, view.apply(components, NOW, composer))


class Seen:
    """The document that a view leaves, checked against the schemas."""

    def __init__(self, shared: Path, view: View, *components: Component) -> None:
        check(shared, document(view, *components))
        self.root = etree.fromstring(as_published(document(view, *components)))

    def __call__(self, path: str) -> list[str]:
        """Texts of attributes, or of elements with all that is within."""
        found = self.root.xpath(path, namespaces=NAMESPACES)
        return [it if isinstance(it, str) else "".join(it.itertext()).strip() for it in found]

    def names(self, path: str) -> list[str]:
        """Local names of the children of elements."""
        return [
            etree.QName(child).localname
            for it in self.root.xpath(path, namespaces=NAMESPACES)
            for child in it
        ]


def of_rule(it: Rule) -> View:
    return View.of(it.permissions, it.restriction or UNRESTRICTED)
