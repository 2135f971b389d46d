"""Bytes made a little wrong, always in the same way for the same number."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress

from lxml import etree

TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b"\r\n ", b"\r\n\r\n", b" ", b"\t", b",", b";", b'"', b"\\", b"<", b">", b"@", b":",
    b"=", b"%00", b"%0d%0a", b"\xc0\x8d\xc0\x8a", b"\xe2\x80\xa8", b"\xc2\x85", b"\xff", b"\xed\xa0\x80", b"[", b"]",
    b"0", b"-1", b"99999999999", b"4294967296", b"4294967295", b";lr", b";tag=", b"sips:", b"tel:+1", b"Via: ",
    b"Contact: *\r\n", b"Content-Length: 7\r\n", b"l: 0\r\n", b"Expires: 0\r\n", b"<!--", b"-->", b"<![CDATA[", b"]]>",
    b"&amp;", b"&#0;", b"&#13;", b"&x;", b"<!DOCTYPE a>", b"<?xml version='1.0' encoding='UTF-16'?>", b"xmlns=''",
    b"xml:id='a'", b"xsi:nil='true'", b"\xef\xbb\xbf", b"\xfe\xff", "é".encode(), "ſ".encode(), "İ".encode(), "²".encode(),
)  # fmt: skip
"""Pieces that mean something somewhere."""


def mutated(data: bytes, chance: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """`data` with one to four changes: bytes cut, doubled, moved, replaced, or taken over from an example."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(found) + 1)
        length = chance.choice((1, 1, 2, 4, 16, 64))
        match chance.randrange(7):
            case 0:
                del found[at : at + length]
            case 1:
                found[at:at] = found[at : at + length] * chance.choice((1, 2, 30))
            case 2:
                found[at:at] = chance.choice(TOKENS)
            case 3:
                found[at : at + length] = chance.choice(TOKENS)
            case 4:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case 5 if others:
                other = chance.choice(others)
                begin = chance.randrange(len(other) + 1)
                found[at:at] = other[begin : begin + 64]
            case _:
                other_at = chance.randrange(len(found) + 1)
                found[at : at + length] = found[other_at : other_at + length]
    return bytes(found)


VALUES = (
    "", " ", "0", "-1", "1", "4294967296", "99999999999999999999999", "1e400", "NaN", "0.5", "1.000000000001",
    "true", "open", "sip:alice@sip.test", "sip:", "a b", "urn:x", "2026-01-01T10:00:00Z", "0000-13-40T99:99:99+99:99",
    "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "\t\r\n", "\u2028", "\ud7ff\ufffd", "é", "x" * 300, "a:b", "*",
    "//*", "/*/*[1]", "a[", "presence/tuple[@id='t1']", "id('t1')", "@*", "text()", ";;", "%00", "full", "partial",
    "<&>\"'", "İ", "²", "٣", "0x10", "+5", "1_000", " 7 ",
)  # fmt: skip
"""Texts and attributes that have meant something else than they seem to."""


def remixed_document(data: bytes, chance: random.Random) -> bytes:
    """An XML document with elements moved, doubled, left out or renamed, and with other texts and attributes.

    What is no document comes back as it is.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, collect_ids=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return data
    for _ in range(chance.choice((1, 1, 2, 3))):
        elements = [it for it in root.iter() if isinstance(it.tag, str)]
        one, other = chance.choice(elements), chance.choice(elements)
        parent = one.getparent()
        # What XML has no place for raises a ValueError.
        with suppress(ValueError):
            match chance.randrange(8):
                case 0 if parent is not None:
                    parent.remove(one)
                case 1 if parent is not None:
                    other.append(copy.deepcopy(one))
                case 2:
                    one.text = chance.choice(VALUES)
                case 3:
                    one.tail = chance.choice(VALUES)
                case 4 if one.attrib:
                    one.set(chance.choice(list(one.attrib)), chance.choice(VALUES))
                case 5 if one.attrib:
                    del one.attrib[chance.choice(list(one.attrib))]
                case 6:
                    one.tag = other.tag
                case _:
                    for name, value in other.attrib.items():
                        one.set(name, value)
    return etree.tostring(root)


def remixed_message(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A message with header fields taken over, left out, doubled, or with other values; mostly of true length."""
    head, empty, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(lines))
        theirs = chance.choice(others).partition(b"\r\n\r\n")[0].split(b"\r\n") if others else lines
        line = chance.choice(theirs)
        match chance.randrange(6):
            case 0 if at:
                del lines[at]
            case 1:
                lines.insert(at + 1, line)
            case 2 if at:
                lines[at] = lines[at].partition(b":")[0] + b":" + line.partition(b":")[2]
            case 3 if at:
                lines.append(lines[at])
            case 4:
                words = lines[at].split(b" ")
                words[chance.randrange(len(words))] = chance.choice(TOKENS)
                lines[at] = b" ".join(words)
            case _:
                lines[at] = mutated(lines[at], chance)
    if chance.random() < 0.8:
        lines = [it for it in lines if not it.lower().startswith((b"content-length", b"l:"))]
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + (empty or b"\r\n\r\n") + body


def changed(data: bytes, chance: random.Random, others: Sequence[bytes], most: int) -> bytes:
    """An example changed in its bytes, or in what it is made of."""
    data = data[:most]
    if chance.random() < 0.3:
        return mutated(data, chance, others)[:most]
    if data.lstrip()[:1] == b"<":
        return remixed_document(data, chance)[:most]
    if b"SIP/2.0" in data[:200]:
        return remixed_message(data, chance, others)[:most]
    return mutated(data, chance, others)[:most]


def inputs(examples: Sequence[bytes], number: int, most: int, seed: int = 0) -> Iterator[bytes]:
    """`number` inputs of `most` bytes at most: the examples in turn, each time changed in another way."""
    chance = random.Random(seed)
    for turn in range(number):
        yield changed(examples[turn % len(examples)], chance, examples, most)
