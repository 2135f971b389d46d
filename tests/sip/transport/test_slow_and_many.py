"""Peers that hold connections without using them, that send a byte now and then, or that open too many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor, ssl
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import Clock, deferLater

from sip.transport.tls import CERTIFICATE_FILE

from .conftest import Maker, Party, Raw, options, until, within
from .test_websocket import PING, TEXT, frame, opened, upgrade

TIMES = {"handshake_timeout": 10.0, "message_timeout": 15.0, "unused_timeout": 60.0}


class Limited:
    """A hub that writes down which limits were reached."""

    def __init__(self, party: Maker, exempt: str = "", **settings: Any) -> None:
        self.clock = Clock()
        self.reached: list[tuple[str, str]] = []
        self.party: Party = party(
            hub_options={
                "clock": self.clock,
                "limit_reached": lambda limit, host: self.reached.append((limit, host)),
                "exempt": lambda host: host == exempt,
            },
            **(TIMES | settings),
        )

    @property
    def open(self) -> int:
        return len(self.party.hub.connections)

    def after(self, seconds: int) -> None:
        self.clock.pump([1.0] * seconds)

    async def trickle(self, peer: Raw, data: bytes, seconds: int) -> None:
        """A byte of `data` a second, until it is cut off."""
        for number in range(seconds):
            if peer.lost:
                return
            peer.write(data[number : number + 1])
            await arrival()
            self.clock.advance(1.0)
        await arrival()


async def arrival() -> None:
    """The wire is a real one: let what was written arrive."""
    await deferLater(reactor, 0.01)


async def connected(party: Maker, raw: Any, folder: Path, kind: str) -> tuple[Limited, Raw]:
    """A hub that listens for `kind`, and a peer that has connected and sent nothing."""
    server = Limited(party, generated_folder=folder)
    peer = await raw(await server.party.listen(f"{kind}:127.0.0.1:0"))
    await until(lambda: server.open == 1)
    return server, peer


async def from_address(port: int, host: str) -> Raw:
    """A connection that comes from another address of this machine."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, bindAddress=(host, 0))
    return await within(connectProtocol(endpoint, Raw()))


def trusting(folder: Path) -> Any:
    certificate = ssl.Certificate.loadPEM((folder / CERTIFICATE_FILE).read_bytes())
    return ssl.optionsForClientTLS("localhost", trustRoot=certificate)


class TestSlow:
    """A slow loris, over each transport."""

    @pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
    @ensureDeferred
    async def test_who_connects_and_sends_nothing_is_cut_off(
        self, party: Maker, raw: Any, tmp_path: Path, kind: str
    ) -> None:
        server, peer = await connected(party, raw, tmp_path, kind)
        limit, seconds = ("connection_unused", 60) if kind == "tcp" else ("handshake_timeout", 10)
        server.after(seconds - 1)
        assert server.open == 1
        server.after(2)
        await until(lambda: peer.lost)
        assert server.reached == [(limit, "127.0.0.1")]

    @pytest.mark.parametrize("kind", ["tls", "ws", "wss"])
    @ensureDeferred
    async def test_who_shakes_hands_and_sends_nothing_more_is_cut_off(
        self, party: Maker, raw: Any, tmp_path: Path, kind: str
    ) -> None:
        server = Limited(party, generated_folder=tmp_path)
        port = await server.party.listen(f"{kind}:127.0.0.1:0")
        peer = await raw(port, tls=None if kind == "ws" else trusting(tmp_path))
        if kind != "tls":
            await opened(peer)
        await until(lambda: [it for it in server.party.hub.connections if it.alive])
        server.after(62)
        await until(lambda: peer.lost)
        assert server.reached == [("connection_unused", "127.0.0.1")]

    @pytest.mark.parametrize("kind", ["ws", "tls", "wss"])
    @ensureDeferred
    async def test_a_handshake_of_a_byte_a_second_is_cut_off(
        self, party: Maker, raw: Any, tmp_path: Path, kind: str
    ) -> None:
        server, peer = await connected(party, raw, tmp_path, kind)
        # To TLS: the beginning of a record that goes on for long.
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)
        await server.trickle(peer, upgrade() if kind == "ws" else hello, 20)
        await until(lambda: peer.lost)
        assert server.reached == [("handshake_timeout", "127.0.0.1")]
        assert server.clock.seconds() < 15

    @ensureDeferred
    async def test_a_websocket_handshake_of_a_byte_a_second_within_tls_is_cut_off(
        self, party: Maker, raw: Any, tmp_path: Path
    ) -> None:
        server = Limited(party, generated_folder=tmp_path)
        port = await server.party.listen("wss:127.0.0.1:0")
        peer = await raw(port, tls=trusting(tmp_path))
        await until(lambda: server.open == 1)
        await server.trickle(peer, upgrade(), 20)
        await until(lambda: peer.lost)
        assert server.reached == [("handshake_timeout", "127.0.0.1")]
        assert server.clock.seconds() < 15

    @pytest.mark.parametrize("kind", ["tcp", "tls", "ws", "wss"])
    @ensureDeferred
    async def test_a_message_of_a_byte_a_second_is_cut_off(
        self, party: Maker, raw: Any, tmp_path: Path, kind: str
    ) -> None:
        server = Limited(party, generated_folder=tmp_path)
        port = await server.party.listen(f"{kind}:127.0.0.1:0")
        peer = await raw(port, tls=trusting(tmp_path) if kind in ("tls", "wss") else None)
        if kind in ("ws", "wss"):
            await opened(peer)
            peer.write(frame(TEXT, options()))
            data = frame(TEXT, options(), final=False)
        else:
            peer.write(options())
            data = options()
        await server.party.next()
        await server.trickle(peer, data, 40)
        await until(lambda: peer.lost)
        assert server.reached == [("message_timeout", "127.0.0.1")]
        assert server.clock.seconds() < 25

    @pytest.mark.parametrize(
        "begun",
        [b"\x81", frame(TEXT, options())[:3], frame(PING, b"much")[:4], frame(TEXT, b"", final=False)],
        ids=["one byte of a frame", "a part of its head", "a part of a ping", "an empty first frame"],
    )
    @ensureDeferred
    async def test_a_frame_that_is_never_whole_is_cut_off(self, party: Maker, raw: Any, begun: bytes) -> None:
        server = Limited(party)
        peer = await raw(await server.party.listen("ws:127.0.0.1:0"))
        await opened(peer)
        peer.write(frame(TEXT, options()) + begun)
        await server.party.next()
        [connection] = server.party.hub.connections
        await until(lambda: connection._begun is not None)
        server.after(17)
        await until(lambda: peer.lost)
        assert server.reached == [("message_timeout", "127.0.0.1")]

    @ensureDeferred
    async def test_an_endless_row_of_empty_frames_is_one_message_that_does_not_end(
        self, party: Maker, raw: Any
    ) -> None:
        server = Limited(party)
        peer = await raw(await server.party.listen("ws:127.0.0.1:0"))
        await opened(peer)
        peer.write(frame(TEXT, options()) + frame(TEXT, b"", final=False))
        await server.party.next()
        for _ in range(20):
            if not peer.lost:
                peer.write(frame(0, b"", final=False))
            await arrival()
            server.clock.advance(1.0)
        await until(lambda: peer.lost)
        assert server.reached == [("message_timeout", "127.0.0.1")]

    @pytest.mark.parametrize("kind", ["tcp", "ws"])
    @pytest.mark.parametrize("sign", ["message", "keep-alive"])
    @ensureDeferred
    async def test_who_uses_his_connection_keeps_it(
        self, party: Maker, raw: Any, kind: str, sign: str
    ) -> None:
        server = Limited(party)
        peer = await raw(await server.party.listen(f"{kind}:127.0.0.1:0"))
        data = options() if sign == "message" else b"\r\n\r\n"
        if kind == "ws":
            await opened(peer)
            data = frame(TEXT, data)
        peer.write(data)
        [connection] = server.party.hub.connections
        await until(lambda: connection._used)
        server.after(1000)
        assert connection.alive
        assert server.reached == []

    @ensureDeferred
    async def test_a_websocket_ping_is_a_keep_alive_too(self, party: Maker, raw: Any) -> None:
        server = Limited(party)
        peer = await raw(await server.party.listen("ws:127.0.0.1:0"))
        await opened(peer)
        peer.write(frame(PING, b"still here"))
        await until(lambda: peer.got)
        server.after(100)
        assert server.open == 1


@pytest.mark.parametrize("kind", ["tcp", "ws"])
class TestPings:
    """Keep-alives and nothing else (RFC 5626 §4.4.1, RFC 6455 §5.5.2)."""

    async def pinged(self, server: Limited, peer: Raw, kind: str, minutes: int) -> bool:
        """Whether he still has his connection after so many minutes with a ping in each."""
        for _ in range(minutes):
            before = len(peer.got)
            peer.write(b"\r\n\r\n" if kind == "tcp" else frame(PING, b""))
            await until(lambda: len(peer.got) > before)  # noqa: B023
            server.after(60)
            await arrival()
            if peer.lost:
                return False
        return True

    async def connected(self, server: Limited, raw: Any, kind: str) -> Raw:
        peer = await raw(await server.party.listen(f"{kind}:127.0.0.1:0"))
        if kind == "ws":
            await opened(peer)
        await until(lambda: server.open == 1)
        return peer

    @ensureDeferred
    async def test_of_a_stranger_they_keep_a_connection_for_some_time_only(
        self, party: Maker, raw: Any, kind: str
    ) -> None:
        server = Limited(party, unproved_timeout=600.0)
        peer = await self.connected(server, raw, kind)
        assert await self.pinged(server, peer, kind, 9)
        assert not await self.pinged(server, peer, kind, 2)
        assert server.reached == [("connection_unproved", "127.0.0.1")]

    @ensureDeferred
    async def test_a_message_gives_him_as_long_again(self, party: Maker, raw: Any, kind: str) -> None:
        server = Limited(party, unproved_timeout=600.0)
        peer = await self.connected(server, raw, kind)
        assert await self.pinged(server, peer, kind, 9)
        peer.write(options() if kind == "tcp" else frame(TEXT, options()))
        await server.party.next()
        assert await self.pinged(server, peer, kind, 9)
        assert not await self.pinged(server, peer, kind, 2)

    @ensureDeferred
    async def test_of_somebody_who_has_proved_himself_they_keep_it(
        self, party: Maker, raw: Any, kind: str
    ) -> None:
        server = Limited(party, unproved_timeout=600.0)
        peer = await self.connected(server, raw, kind)
        [connection] = server.party.hub.connections
        connection.vouched()
        assert await self.pinged(server, peer, kind, 30)
        assert server.reached == []

    @ensureDeferred
    async def test_of_a_trusted_peer_they_keep_it(self, party: Maker, raw: Any, kind: str) -> None:
        server = Limited(party, exempt="127.0.0.1", unproved_timeout=600.0)
        peer = await self.connected(server, raw, kind)
        assert await self.pinged(server, peer, kind, 30)


class TestMany:
    @ensureDeferred
    async def test_an_address_may_hold_so_many_connections_and_others_do_not_suffer(
        self, party: Maker, raw: Any
    ) -> None:
        server = Limited(party, max_connections_address=2)
        port = await server.party.listen("tcp:127.0.0.1:0")
        first, second = await raw(port), await raw(port)
        await until(lambda: server.open == 2)
        third = await raw(port)
        await until(lambda: third.lost)
        assert server.reached == [("max_connections_address", "127.0.0.1")]
        other = await from_address(port, "127.0.0.2")
        await until(lambda: server.open == 3)
        assert not any(it.lost for it in (first, second, other))
        other.transport.abortConnection()
        first.transport.abortConnection()
        await until(lambda: server.open == 1)
        await raw(port)
        await until(lambda: server.open == 2)

    @ensureDeferred
    async def test_it_counts_them_over_all_listeners(self, party: Maker, raw: Any) -> None:
        server = Limited(party, max_connections_address=1)
        tcp = await server.party.listen("tcp:127.0.0.1:0")
        websocket = await server.party.listen("ws:127.0.0.1:0")
        await raw(tcp)
        await until(lambda: server.open == 1)
        refused = await raw(websocket)
        await until(lambda: refused.lost)

    @ensureDeferred
    async def test_a_trusted_peer_holds_as_many_as_there_may_be(self, party: Maker, raw: Any) -> None:
        server = Limited(party, exempt="127.0.0.1", max_connections_address=1, connections_rate=0.001)
        port = await server.party.listen("tcp:127.0.0.1:0")
        for _ in range(5):
            await raw(port)
        await until(lambda: server.open == 5)
        assert server.reached == []

    @ensureDeferred
    async def test_an_address_opens_no_more_than_so_many_a_second(self, party: Maker, raw: Any) -> None:
        server = Limited(party, connections_rate=1.0, connections_burst=2.0)
        port = await server.party.listen("tcp:127.0.0.1:0")
        for _ in range(2):
            (await raw(port)).transport.abortConnection()
        await until(lambda: server.open == 0)
        refused = await raw(port)
        await until(lambda: refused.lost)
        assert server.reached == [("address_connections", "127.0.0.1")]
        server.clock.advance(1.0)
        await raw(port)
        await until(lambda: server.open == 1)

    @ensureDeferred
    async def test_beyond_all_it_is_told_which_limit_that_was(self, party: Maker, raw: Any) -> None:
        server = Limited(party, max_connections=1)
        port = await server.party.listen("tcp:127.0.0.1:0")
        await raw(port)
        await until(lambda: server.open == 1)
        refused = await raw(port)
        await until(lambda: refused.lost)
        assert server.reached == [("max_connections", "127.0.0.1")]
