"""What the tests of the formats beside PIDF share: schemas, generated values, the look of an extension."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from hypothesis import strategies as st
from lxml import etree

from presence.documents.common import Name

EXTENSION = (
    '<x:more xmlns:x="urn:example:x" xmlns:q="urn:example:q" x:type="q:name">a <x:b plain="1">bold</x:b> '
    '<i xmlns="">word</i> &amp;\n<n xmlns="urn:example:n"/></x:more>'
)


@lru_cache(maxsize=16)
def schema(shared: Path, name: str) -> etree.XMLSchema:
    folder = shared / "schemas"
    text = (folder / name).read_bytes().replace(b"http://www.w3.org/2001/03/xml.xsd", b"xml.xsd")
    return etree.XMLSchema(etree.fromstring(text, base_url=str(folder / name)))


def check(shared: Path, name: str, document: bytes) -> etree._Element:
    root = etree.fromstring(document)
    rules = schema(shared, name)
    assert rules.validate(root), f"{rules.error_log}\n{document.decode()}"
    return root


def look(element: etree._Element) -> bytes:
    """What an element means, whatever its declarations look like."""
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


def escape(text: str) -> str:
    """`text` as it can be put between any quotes and tags of XML that is made by hand."""
    return "".join(f"&#{ord(character)};" if character in "&<>\"'\r\n\t" else character for character in text)


_CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\ufffe\uffff", min_codepoint=32)
values = st.text(_CHARACTERS | st.sampled_from("\t\n\r&<>\"'"), max_size=4)
"""Any attribute of type xs:string."""
texts = values.map(str.strip).filter(bool)
uris = st.from_regex(
    r"(sip|sips|pres):[a-z0-9&'!~+=;]{1,8}@[a-z]{1,6}\.example(;[a-z]=[a-z&]{1,3})?", fullmatch=True
)
names = st.builds(Name, texts, st.none() | st.sampled_from(["en", "de-CH"]))
extensions = st.lists(
    st.sampled_from(
        [
            b'<x:more xmlns:x="urn:example:x" x:a="&lt;&quot;">a <x:b>bold</x:b> word</x:more>',
            b'<more xmlns="urn:example:y"/>',
            b'<x:value xmlns:x="urn:example:x" xmlns:q="urn:example:q">q:name</x:value>',
        ]
    ),
    max_size=2,
).map(tuple)
attributes = st.sampled_from(
    [b"", b' xmlns:x="urn:example:x" x:a="1"', b' xmlns:q="urn:q" xmlns:r="urn:r" q:a="r:b"']
)
seconds = st.none() | st.integers(0, 2**64 - 1)
versions = st.integers(0, 2**32 - 1)
