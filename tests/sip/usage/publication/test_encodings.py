"""Content-Encoding of published bodies (RFC 3261 §20.12), and how large they may be unpacked."""

from __future__ import annotations

import gzip
import zlib

import pytest

from tests.sip.usage.publication.publishing import House


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
    ],
)
def test_an_encoded_body_is_stored_as_what_it_means(house: House, coding: str, pack: object) -> None:
    house.ok(f"Content-Encoding: {coding}", body=pack(b"sunny"))  # type: ignore[operator]
    assert house.bodies == [b"sunny"]


def test_another_encoding_is_answered_415_with_those_that_are_taken(house: House) -> None:
    answer = house.refused("Content-Encoding: br", body=b"sunny")
    assert (answer.status, answer.get("Accept-Encoding")) == (415, "deflate, gzip")


@pytest.mark.parametrize("body", [b"not packed", zlib.compress(bytes(range(200)))[:-10]])
def test_a_body_that_does_not_unpack_is_answered_400(house: House, body: bytes) -> None:
    assert house.refused("Content-Encoding: deflate", body=body).status == 400


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Encoding: gzip"], gzip.compress(bytes(10_000_000))),
        (["Content-Encoding: gzip, gzip"], gzip.compress(gzip.compress(bytes(10_000_000)))),
        ([], bytes(65537)),
    ],
)
def test_a_body_that_is_or_becomes_too_large_is_answered_413(
    house: House, headers: list[str], body: bytes
) -> None:
    assert house.refused(*headers, body=body).status == 413
