"""Datagrams by way of Python's own functions, and by ours in C: no difference is to be seen."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sip.transport import datagrams as module
from sip.transport.datagrams import Datagrams, SwiftDatagrams, datagrams
from tests.support.extensions import loaded

FORMS = pytest.mark.parametrize("form", ["python", "c"], indirect=True)
FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded("sip._datagrams", tmp_path_factory.mktemp("datagrams"))


@pytest.fixture
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    native = request.getfixturevalue("extension") if request.param == "c" else None
    monkeypatch.setattr(module, "_NATIVE", native)
    return str(request.param)


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for sock in made:
        sock.close()


def opened(sockets: list[socket.socket], family: int = socket.AF_INET) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    except OSError as error:
        pytest.skip(f"no such address here: {error}")
    sock.setblocking(False)
    sockets.append(sock)
    return sock


def arrived(sock: socket.socket, ours: Datagrams, count: int) -> list[tuple[bytes, Any]]:
    found: list[tuple[bytes, Any]] = []
    while len(found) < count:
        assert select.select([sock], [], [], 5)[0], f"{len(found)} of {count} came"
        found += ours.receive(64)
    return found


@FORMS
def test_the_form_is_the_swifter_one_where_it_is_there(form: str, sockets: list[socket.socket]) -> None:
    assert isinstance(datagrams(opened(sockets)), SwiftDatagrams) == (form == "c")


@FORMS
@FAMILIES
class TestBoth:
    def test_what_is_sent_arrives_with_its_sender(
        self, form: str, family: int, sockets: list[socket.socket]
    ) -> None:
        one, other = opened(sockets, family), opened(sockets, family)
        ours, theirs = datagrams(one), datagrams(other)
        ours.send(b"OPTIONS", ours.place(other.getsockname()))
        ((data, place),) = arrived(other, theirs, 1)
        assert data == b"OPTIONS"
        assert theirs.address(place) == one.getsockname()
        assert place == theirs.place(one.getsockname())
        theirs.send(b"200", place)
        assert arrived(one, ours, 1)[0][0] == b"200"

    def test_many_are_sent_in_order(self, form: str, family: int, sockets: list[socket.socket]) -> None:
        one, first, second = (opened(sockets, family) for _ in range(3))
        ours = datagrams(one)
        places = [ours.place(it.getsockname()) for it in (first, second)]
        assert ours.send_many([(b"%d" % number, places[number % 2]) for number in range(10)]) == 10
        for index, sock in enumerate((first, second)):
            found = arrived(sock, datagrams(sock), 5)
            assert [data for data, _ in found] == [b"%d" % number for number in range(index, 10, 2)]

    def test_an_address_is_the_same_after_it_was_a_place(
        self, form: str, family: int, sockets: list[socket.socket]
    ) -> None:
        ours = datagrams(opened(sockets, family))
        address: tuple[Any, ...] = ("192.0.2.7", 65535) if family == socket.AF_INET else ("fe80::1", 1, 5, 2)
        assert ours.address(ours.place(address)) == address


@FORMS
def test_where_nothing_has_come_there_is_none(form: str, sockets: list[socket.socket]) -> None:
    assert datagrams(opened(sockets)).receive(64) == []


@FORMS
def test_no_more_are_taken_than_were_asked_for(form: str, sockets: list[socket.socket]) -> None:
    sock = opened(sockets)
    for number in range(5):
        sock.sendto(b"%d" % number, sock.getsockname())
    ours = datagrams(sock)
    select.select([sock], [], [], 5)
    assert [data for data, _ in ours.receive(3)] == [b"0", b"1", b"2"]
    assert [data for data, _ in ours.receive(3)] == [b"3", b"4"]


@FORMS
def test_the_largest_datagram_arrives_whole(form: str, sockets: list[socket.socket]) -> None:
    sock = opened(sockets)
    ours = datagrams(sock)
    largest, small = bytes(range(256)) * 255 + b"x" * 227, b"x"
    ours.send(largest, ours.place(sock.getsockname()))
    ours.send(small, ours.place(sock.getsockname()))
    assert len(largest) == 65507
    assert [data for data, _ in arrived(sock, ours, 2)] == [largest, small]


@FORMS
def test_an_empty_datagram_is_one(form: str, sockets: list[socket.socket]) -> None:
    sock = opened(sockets)
    ours = datagrams(sock)
    ours.send(b"", ours.place(sock.getsockname()))
    assert arrived(sock, ours, 1)[0][0] == b""


@FORMS
class TestRefusals:
    def test_one_that_is_too_large_is_not_sent(self, form: str, sockets: list[socket.socket]) -> None:
        sock = opened(sockets)
        ours = datagrams(sock)
        with pytest.raises(OSError) as refused:
            ours.send(b"x" * 65508, ours.place(sock.getsockname()))
        assert refused.value.errno == errno.EMSGSIZE

    def test_those_before_it_are(self, form: str, sockets: list[socket.socket]) -> None:
        sock = opened(sockets)
        ours = datagrams(sock)
        place = ours.place(sock.getsockname())
        many = [(b"first", place), (b"x" * 65508, place), (b"third", place)]
        assert ours.send_many(many) == 1
        with pytest.raises(OSError) as refused:
            ours.send_many(many[1:])
        assert refused.value.errno == errno.EMSGSIZE
        assert [data for data, _ in arrived(sock, ours, 1)] == [b"first"]

    def test_a_closed_socket_sends_and_receives_nothing(
        self, form: str, sockets: list[socket.socket]
    ) -> None:
        sock = opened(sockets)
        ours, address = datagrams(sock), sock.getsockname()
        sock.close()
        with pytest.raises(OSError):
            ours.send(b"x", ours.place(address))
        with pytest.raises(OSError):
            ours.receive(64)


def test_what_is_no_datagram_is_refused(extension: Any) -> None:
    for call, given in (
        (extension.send, (0, "text", b"")),
        (extension.send, (0, b"")),
        (extension.send_many, (0, [(b"",)])),
        (extension.send_many, (0, ["ab"])),
        (extension.send_many, (0, ())),
        (extension.receive, (0,)),
        (extension.receive, ("a", 1)),
    ):
        with pytest.raises(TypeError):
            call(*given)
