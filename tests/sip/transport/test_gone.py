"""A connection that is gone is freed at once: the collector looks at nothing that has lived for long
(decision 0017)."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from sip.errors import TransportError
from sip.transport import Destination
from sip.transport.tls import CERTIFICATE_FILE

from .conftest import Maker, options, until, within
from .test_slow_and_many import trusting
from .test_websocket import TEXT, frame, opened

KINDS = ["tcp", "tls", "ws", "wss"]

ROOMS = frozenset(f"sip.transport.{name}" for name in ("connection", "stream", "websocket"))


def of_a_connection(kind: type) -> bool:
    return kind.__module__ in ROOMS


@pytest.fixture
def left() -> Iterator[Callable[[], Counter[str]]]:
    """Says what of a connection only the collector has found since."""
    gc.collect()
    # Servers of tests before may end only now.
    before = {id(each) for each in gc.get_objects() if of_a_connection(type(each))}
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)

    def ours() -> Counter[str]:
        gc.collect()
        found = (each for each in gc.garbage if of_a_connection(type(each)) and id(each) not in before)
        return Counter(type(each).__name__ for each in found if type(each).__name__ != "Connections")

    yield ours
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


async def used(raw: Any, port: int, kind: str, folder: Path) -> Any:
    """A peer that has connected and sent a message."""
    peer = await raw(port, tls=trusting(folder) if kind in ("tls", "wss") else None)
    if kind in ("ws", "wss"):
        await opened(peer)
        peer.write(frame(TEXT, options()))
    else:
        peer.write(options())
    return peer


async def hang_up(peer: Any, hub: Any) -> None:
    peer.transport.loseConnection()


async def cut(peer: Any, hub: Any) -> None:
    peer.transport.abortConnection()


async def close(peer: Any, hub: Any) -> None:
    for connection in [*hub.connections]:
        connection.close()


async def abort(peer: Any, hub: Any) -> None:
    for connection in [*hub.connections]:
        connection.abort()


@pytest.mark.parametrize("end", [hang_up, cut, close, abort])
@pytest.mark.parametrize("kind", KINDS)
@ensureDeferred
async def test_one_of_a_peer_leaves_nothing_to_the_collector(
    party: Maker,
    raw: Any,
    tmp_path: Path,
    left: Callable[[], Counter[str]],
    kind: str,
    end: Callable[[Any, Any], Awaitable[None]],
) -> None:
    server = party(generated_folder=tmp_path)
    port = await server.listen(f"{kind}:127.0.0.1:0")
    peer = await used(raw, port, kind, tmp_path)
    await server.next()
    await end(peer, server.hub)
    await until(lambda: peer.lost and not len(server.hub.connections))
    assert left() == {}


@pytest.mark.parametrize("kind", KINDS)
@ensureDeferred
async def test_one_of_ours_leaves_nothing_to_the_collector(
    party: Maker, tmp_path: Path, left: Callable[[], Counter[str]], kind: str
) -> None:
    server = party(generated_folder=tmp_path)
    port = await server.listen(f"{kind}:127.0.0.1:0")
    client = party(tls_ca=tmp_path / CERTIFICATE_FILE)
    target = Destination(kind.upper(), "127.0.0.1", port, "localhost")
    out = await within(client.hub.connect(target))
    out.send(options())
    await server.next()
    out.close()
    del out
    await until(lambda: not len(server.hub.connections) and not len(client.hub.connections))
    assert left() == {}


@pytest.mark.parametrize("kind", ["tcp", "ws"])
@ensureDeferred
async def test_nor_does_one_that_nobody_accepted(
    party: Maker, left: Callable[[], Counter[str]], kind: str
) -> None:
    client = party()
    with pytest.raises(TransportError):
        await within(client.hub.connect(Destination(kind.upper(), "127.0.0.1", 9)))
    assert left() == {}
