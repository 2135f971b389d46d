"""With scripts/test-compiled, that the server of these tests is the compiled one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.skipif(
    os.environ.get("PRESENTITY_COMPILED_TESTS") != "1", reason="the compiled server: scripts/test-compiled"
)


def test_server_and_writer_are_compiled(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        processes = [server.process.pid, *server.children()]
        assert len(processes) == 2
        for pid in processes:
            maps = Path(f"/proc/{pid}/maps").read_text()
            assert "__mypyc.cpython-" in maps, Path(f"/proc/{pid}/cmdline").read_text()
