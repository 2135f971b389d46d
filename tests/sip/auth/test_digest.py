"""The arithmetic of digest, by the examples of the RFCs."""

from __future__ import annotations

import pytest

from sip.auth import digest

RFC_7616_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC_7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_section_3_9_1(algorithm: str, expected: str) -> None:
    ha1 = digest.ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
    assert (
        digest.response(
            ha1,
            "GET",
            "/dir/index.html",
            RFC_7616_NONCE,
            algorithm=algorithm,
            qop="auth",
            nc="00000001",
            cnonce=RFC_7616_CNONCE,
        )
        == expected
    )


def test_the_example_of_rfc_7616_section_3_9_2_as_erratum_4897_corrects_it() -> None:
    # The value printed in the RFC was computed with a truncated SHA-512, which SHA-512/256 is not.
    ha1 = digest.ha1("J\u00e4s\u00f8n Doe", "api@example.org", "Secret, or not?", "SHA-512-256")
    assert (
        digest.response(
            ha1,
            "GET",
            "/doe.json",
            "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
            algorithm="SHA-512-256",
            qop="auth",
            nc="00000001",
            cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        )
        == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    )


def test_the_example_of_rfc_2617_section_3_5() -> None:
    ha1 = digest.ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert ha1 == "939e7578ed9e3c518a452acee763bce9"
    assert (
        digest.response(
            ha1,
            "GET",
            "/dir/index.html",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            qop="auth",
            nc="00000001",
            cnonce="0a4f113b",
        )
        == "6629fae49393a05397450978507c4ef1"
    )


def test_without_qop_the_response_is_that_of_rfc_2069() -> None:
    # The example of RFC 2069 section 2.4 with the corrected response of its erratum 749.
    ha1 = digest.ha1("Mufasa", "testrealm@host.com", "CircleOfLife")
    assert (
        digest.response(ha1, "GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
        == "1949323746fe6a43ef61f9606e7febea"
    )
