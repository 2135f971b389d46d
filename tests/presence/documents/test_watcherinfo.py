"""Watcher information (RFC 3858)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.watcherinfo import (
    EVENTS,
    STATUSES,
    Watcher,
    WatcherInfo,
    WatcherList,
    parse_watcherinfo,
    render_watcherinfo,
)
from sip.errors import BadRequest, EntityTooLarge
from tests.presence.documents.formats import (
    EXTENSION,
    check,
    extensions,
    look,
    seconds,
    uris,
    values,
    versions,
)

EXAMPLE = b"""<?xml version="1.0"?>
<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">
  <watcher-list resource="sip:professor@example.net" package="presence">
    <watcher status="active" id="8ajksjda7s" duration-subscribed="509" event="approved"
             >sip:userA@example.net</watcher>
    <watcher status="pending" id="hh8juja87s997-ass7" display-name="Mr. Subscriber"
             event="subscribe">sip:userB@example.org</watcher>
  </watcher-list>
</watcherinfo>"""


def winfo(content: str = "", start: str = 'version="0" state="full"') -> bytes:
    return f'<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" {start}>{content}</watcherinfo>'.encode()


def watcher(start: str, uri: str = "sip:a@b") -> bytes:
    inner = f"<watcher {start}>{uri}</watcher>"
    return winfo(f'<watcher-list resource="sip:c@d" package="presence">{inner}</watcher-list>')


def test_the_example_of_the_rfc_is_read() -> None:
    assert parse_watcherinfo(EXAMPLE) == WatcherInfo(
        0,
        True,
        (
            WatcherList(
                "sip:professor@example.net",
                "presence",
                (
                    Watcher(
                        "8ajksjda7s", "active", "approved", "sip:userA@example.net", duration_subscribed=509
                    ),
                    Watcher(
                        "hh8juja87s997-ass7",
                        "pending",
                        "subscribe",
                        "sip:userB@example.org",
                        "Mr. Subscriber",
                    ),
                ),
            ),
        ),
    )


def test_the_whole_document_as_it_goes_out() -> None:
    bob = Watcher("w1", "waiting", "timeout", "sip:bob@b", "Bob", "en", 60, 3600)
    document = WatcherInfo(5, False, (WatcherList("sip:alice@b", "presence", (bob,)),))
    assert render_watcherinfo(document) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="5" state="partial">\n'
        b'<watcher-list resource="sip:alice@b" package="presence">\n'
        b'<watcher id="w1" status="waiting" event="timeout" display-name="Bob" xml:lang="en" expiration="60"'
        b' duration-subscribed="3600">sip:bob@b</watcher>\n'
        b"</watcher-list>\n"
        b"</watcherinfo>\n"
    )


def test_a_list_without_watchers_is_valid(shared: Path) -> None:
    document = WatcherInfo(0, True, (WatcherList("sip:a@b", "presence"),))
    check(shared, "watcherinfo.xsd", render_watcherinfo(document))


def test_markup_in_a_display_name_stays_text(shared: Path) -> None:
    evil = Watcher("w1", "active", "approved", "sip:a@b", '"><watcher/>&\x07')
    data = render_watcherinfo(WatcherInfo(0, True, (WatcherList("sip:c@d", "presence", (evil,)),)))
    assert check(shared, "watcherinfo.xsd", data)[0][0].get("display-name") == '"><watcher/>&\ufffd'


def test_extensions_pass_with_their_namespaces_and_content() -> None:
    data = winfo(f'<watcher-list resource="sip:c@d" package="presence">{EXTENSION}</watcher-list>{EXTENSION}')
    root = etree.fromstring(render_watcherinfo(parse_watcherinfo(data)))
    expected = look(etree.fromstring(data)[1])
    assert [look(element) for element in (root[0][0], root[1])] == [expected, expected]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x", "watcherinfo: Start tag expected, '<' not found, line 1, column 1"),
        (b"<!DOCTYPE a><a/>", "watcherinfo: a DTD is not accepted"),
        (
            b'<list xmlns="urn:x"/>',
            "watcherinfo: the root element is {urn:x}list, not watcherinfo of"
            " urn:ietf:params:xml:ns:watcherinfo",
        ),
        (winfo(start='state="full"'), "watcherinfo: watcherinfo without version"),
        (
            winfo(start='version="-1" state="full"'),
            "watcherinfo: version of watcherinfo is '-1', no number up to 4294967295",
        ),
        (winfo(start='version="0"'), "watcherinfo: watcherinfo without state"),
        (winfo(start='version="0" state="half"'), "watcherinfo: watcherinfo with the unknown state 'half'"),
        (winfo('<watcher-list package="presence"/>'), "watcherinfo: watcher-list without resource"),
        (winfo('<watcher-list resource="a:b"/>'), "watcherinfo: watcher-list without package"),
        (
            winfo('<watcher-list resource="a b" package="presence"/>'),
            "watcherinfo: the resource 'a b' is no URI",
        ),
        (watcher('status="active" event="approved"'), "watcherinfo: watcher without id"),
        (
            watcher('id="1" status="asleep" event="approved"'),
            "watcherinfo: watcher with the unknown status 'asleep'",
        ),
        (
            watcher('id="1" status="active" event="boredom"'),
            "watcherinfo: watcher with the unknown event 'boredom'",
        ),
        (
            watcher('id="1" status="active" event="approved" expiration="1.5"'),
            "watcherinfo: expiration of watcher is '1.5', no number up to 18446744073709551615",
        ),
        (watcher('id="1" status="active" event="approved"', ""), "watcherinfo: the watcher '' is no URI"),
    ],
)
def test_bad_input_is_refused_with_the_fault(data: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_watcherinfo(data)
    assert caught.value.reason == reason


def test_a_document_over_the_size_limit_is_413() -> None:
    with pytest.raises(EntityTooLarge, match="watcherinfo: more than 65536 bytes"):
        parse_watcherinfo(winfo(" " * 65536))


WATCHERS = st.builds(
    Watcher,
    values,
    st.sampled_from(STATUSES),
    st.sampled_from(EVENTS),
    uris,
    st.none() | values,
    st.none() | st.just("en"),
    seconds,
    seconds,
)
LISTS = st.builds(WatcherList, uris, values, st.lists(WATCHERS, max_size=3).map(tuple), extensions)
DOCUMENTS = st.builds(
    WatcherInfo, versions, st.booleans(), st.lists(LISTS, max_size=2).map(tuple), extensions
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=DOCUMENTS)
def test_whatever_goes_out_is_valid_and_reads_back_as_it_was(shared: Path, document: WatcherInfo) -> None:
    data = render_watcherinfo(document)
    check(shared, "watcherinfo.xsd", data)
    assert parse_watcherinfo(data) == document
