"""Message waiting (RFC 3842 §5.2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.documents.message_summary import (
    Counts,
    Headers,
    MessageSummary,
    parse_message_summary,
    render_message_summary,
)
from sip.errors import BadRequest, EntityTooLarge

# RFC 3842 §4.1, message A5, shortened.
EXAMPLE = (
    b"Messages-Waiting: yes\r\n"
    b"Message-Account: sip:alice@vmail.example.com\r\n"
    b"Voice-Message: 4/8 (1/2)\r\n"
    b"\r\n"
    b"To: <alice@atlanta.example.com>\r\n"
    b"Subject: carpool tomorrow?\r\n"
    b"\r\n"
    b"Priority: urgent\r\n"
)
SUMMARY = MessageSummary(
    True,
    "sip:alice@vmail.example.com",
    (("Voice-Message", Counts(4, 8, (1, 2))),),
    (
        Headers((("To", "<alice@atlanta.example.com>"), ("Subject", "carpool tomorrow?"))),
        Headers((("Priority", "urgent"),)),
    ),
)


def test_the_example_of_the_rfc_is_read_and_written() -> None:
    assert parse_message_summary(EXAMPLE) == SUMMARY
    assert render_message_summary(SUMMARY) == EXAMPLE


def test_no_messages_is_one_line() -> None:
    assert render_message_summary(MessageSummary(False)) == b"Messages-Waiting: no\r\n"


def test_counts_without_urgent_ones_and_several_classes() -> None:
    data = b"Messages-Waiting: no\r\nVoice-Message: 0/3\r\nFax-Message: 1/0 (0/0)\r\n"
    summary = parse_message_summary(data)
    assert summary.counts == (("Voice-Message", Counts(0, 3)), ("Fax-Message", Counts(1, 0, (0, 0))))
    assert render_message_summary(summary) == data


@pytest.mark.parametrize(
    "data",
    [
        b"messages-waiting:YES\nMESSAGE-ACCOUNT : <sip:a@b>\nvoice-message:2/8(0/2)",
        b"\r\nMessages-Waiting: yes\r\nMessage-Account:\r\n sip:a@b\r\nvoice-message: 2 / 8 ( 0 / 2 )\r\n\n",
        b"voice-message: 02/8 (0/2)\r\nMessage-Account: sip:a@b\r\nMessages-Waiting: yes",
    ],
)
def test_case_line_ends_folding_blanks_and_order_do_not_matter(data: bytes) -> None:
    assert parse_message_summary(data) == MessageSummary(
        True, "sip:a@b", (("voice-message", Counts(2, 8, (0, 2))),)
    )


def test_a_line_that_nobody_knows_is_kept_as_a_header() -> None:
    data = b"Messages-Waiting: no\r\nX-Mood: fine\r\nVoice-Message: 0/0\r\n\r\nDate: today\r\n"
    summary = parse_message_summary(data)
    assert summary.messages == (Headers((("X-Mood", "fine"),)), Headers((("Date", "today"),)))
    assert parse_message_summary(render_message_summary(summary)) == summary


def test_a_count_may_be_32_bits_long() -> None:
    data = b"Messages-Waiting: yes\r\nVoice-Message: 4294967295/0\r\n"
    assert render_message_summary(parse_message_summary(data)) == data


def test_bytes_that_are_no_utf_8_pass_unharmed() -> None:
    data = b"Messages-Waiting: no\r\nMessage-Account: sip:\xff\xc3\xbc@b\r\n"
    assert render_message_summary(parse_message_summary(data)) == data


def test_a_line_break_in_a_value_adds_no_line() -> None:
    summary = MessageSummary(False, "sip:a@b\r\nVoice-Message: 9/9", (), (Headers((("A", "1\n\nB: 2"),)),))
    assert render_message_summary(summary) == (
        b"Messages-Waiting: no\r\nMessage-Account: sip:a@b  Voice-Message: 9/9\r\n\r\nA: 1  B: 2\r\n"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "message-summary: Messages-Waiting is missing"),
        (b"Voice-Message: 0/0\r\n", "message-summary: Messages-Waiting is missing"),
        (b"A: 1\r\n\r\nMessages-Waiting: yes\r\n", "message-summary: Messages-Waiting is missing"),
        (
            b"Messages-Waiting: maybe\r\n",
            "message-summary: Messages-Waiting is 'maybe', neither yes nor no",
        ),
        (
            b"Messages-Waiting: yes\r\nVoice-Message: x/2\r\n",
            "message-summary: Voice-Message is 'x/2', which is no count",
        ),
        (
            b"Messages-Waiting: yes\r\nfax-message: 2\r\n",
            "message-summary: fax-message is '2', which is no count",
        ),
        (b"Messages-Waiting: no\r\nhello\r\n", "message-summary: 'hello' is no header line"),
        (b"Messages-Waiting: no\r\na b: c\r\n", "message-summary: 'a b: c' is no header line"),
        (
            b"Messages-Waiting: yes\r\nVoice-Message: 0/4294967296\r\n",
            "message-summary: a count of Voice-Message is above 4294967295",
        ),
        (
            b"Messages-Waiting: yes\r\nVoice-Message: 0/0 (0/9999999999)\r\n",
            "message-summary: a count of Voice-Message is above 4294967295",
        ),
    ],
)
def test_bad_input_is_refused_with_the_fault(data: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_message_summary(data)
    assert caught.value.reason == reason


def test_a_document_over_the_size_limit_is_413() -> None:
    with pytest.raises(EntityTooLarge, match="message-summary: more than 10 bytes"):
        parse_message_summary(EXAMPLE, size=10)


COUNT = st.integers(0, 2**32 - 1)
TOKENS = st.from_regex(r"[A-Za-z][A-Za-z0-9.-]{0,8}", fullmatch=True)
LINES = st.text(st.characters(exclude_categories=("C", "Z")), max_size=8)
CLASSES = TOKENS.map("X-{}".format)
DOCUMENTS = st.builds(
    MessageSummary,
    st.booleans(),
    st.none() | st.builds("sip:{}@b".format, TOKENS),
    st.lists(
        st.tuples(CLASSES, st.builds(Counts, COUNT, COUNT, st.none() | st.tuples(COUNT, COUNT))),
        max_size=3,
        unique_by=lambda pair: pair[0].lower(),
    ).map(tuple),
    st.lists(
        st.builds(Headers, st.lists(st.tuples(TOKENS, LINES), min_size=1, max_size=3).map(tuple)), max_size=3
    ).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(document=DOCUMENTS)
def test_whatever_goes_out_reads_back_as_it_was(document: MessageSummary) -> None:
    assert parse_message_summary(render_message_summary(document)) == document


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=60) | st.binary(max_size=40).map(lambda tail: b"Messages-Waiting: no\r\n" + tail)
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        summary = parse_message_summary(data)
    except BadRequest:
        return
    assert parse_message_summary(render_message_summary(summary)).waiting == summary.waiting
