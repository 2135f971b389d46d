"""Watcher filters and what they deliver, in few words: a rich document, filters with one rule for it."""

from __future__ import annotations

from lxml import etree

from presence.filters import WatcherFilter

TYPE = "application/simple-filter+xml"
ME = "sip:presentity@example.com"

RICH = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"\
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:presentity@example.com">
<tuple id="t1"><status><basic>open</basic></status><rpid:class>IM</rpid:class>\
<contact priority="0.8">sip:p@192.0.2.1</contact><note xml:lang="en">one</note>\
<timestamp>2026-11-22T04:17:04Z</timestamp></tuple>
<tuple id="t2"><status><basic>closed</basic></status><contact>sip:p@192.0.2.2</contact></tuple>
<note>about all</note>
<dm:person id="p1"><rpid:activities until="2026-11-22T05:00:00Z"><rpid:note>soon</rpid:note><rpid:busy/>\
<rpid:away/></rpid:activities><rpid:mood><rpid:happy/></rpid:mood><dm:note>dm</dm:note></dm:person>
<dm:device id="d1"><rpid:user-input>idle</rpid:user-input><dm:deviceID>urn:x:1</dm:deviceID></dm:device>
</presence>
"""
SET = b"""\
<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">
  <filter id="bob" uri="sip:bob@a.example"><what><include>//basic</include></what></filter>
  <filter id="a" domain="A.example"><what><include>//contact</include></what></filter>
  <filter id="list" uri="sip:list@a.example"><what><include>//timestamp</include></what></filter>
  <filter id="all"><what><include>//dm:person</include></what></filter>
</filter-set>"""


def canonical(document: bytes) -> str:
    parser = etree.XMLParser(remove_blank_text=True)
    root = etree.fromstring(document, parser)
    for element in root.iter():
        if element.tail and not element.tail.strip():
            element.tail = None
        if len(element) and element.text and not element.text.strip():
            element.text = None
    return etree.tostring(root, method="c14n", exclusive=True).decode()


def what(rules: str, attributes: str = "") -> bytes:
    return one(f"<what>{rules}</what>", attributes)


def one(content: str, attributes: str = "") -> bytes:
    return (
        '<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">'
        f'<filter id="1" {attributes}>{content}</filter></filter-set>'
    ).encode()


def read(body: bytes, package: str = "presence") -> WatcherFilter:
    return WatcherFilter.read(TYPE, body, package)


def tags(root: etree._Element) -> list[str]:
    return [etree.QName(element).localname for element in root.iter()]
