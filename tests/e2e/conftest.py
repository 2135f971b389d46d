"""Servers for the end-to-end tests, and what they printed beside every failure."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.server import Server, postgres_database

StartServer = Callable[..., Server]
_SERVERS: pytest.StashKey[list[Server]] = pytest.StashKey()


@pytest.fixture(scope="module")
def start_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[StartServer]:
    """Starts servers that live until the module is done: start_server(*users, **arguments of Server)."""
    started: list[Server] = []
    request.node.stash[_SERVERS] = started
    with ExitStack() as stack:

        def start(*users: str, **arguments: Any) -> Server:
            server = Server(tmp_path_factory.mktemp("server") / "data", **arguments)
            started.append(server)
            if users:
                server.add_users(*users)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """For what has to hold on both databases: the URL, None for the default."""
    if request.param == "sqlite":
        yield None
        return
    try:
        with postgres_database() as url:
            yield url
    except LookupError as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of what the module's servers printed."""
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module is not None:
        for server in module.stash.get(_SERVERS, []):
            report.sections.append(("server output", server.told(lines=30)))
    return report
