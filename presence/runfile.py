"""`server.json` in the data folder: what a running server says about itself to the command line.

A server that is killed leaves it behind, so it is only a hint where to ask: whoever answers there has to give
the same process id.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from presence.settings.errors import StartError

MODE = 0o600


def claim(folder: Path) -> int:
    """Make the data folder this server's own until its process ends; returns the descriptor that holds it.

    Raises:
        StartError: the folder cannot be made or written to, or another server has it.
    """
    file = folder / "server.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    except OSError as error:
        raise StartError(f"cannot use the data folder {folder}: {error.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise StartError(f"another server uses the data folder {folder}") from None
    return held


@dataclass(frozen=True, slots=True)
class RunFile:
    """One running server."""

    pid: int
    http_host: str
    """Where `/status` is, as bound; a wildcard address is reached by loopback."""
    http_port: int
    listeners: tuple[str, ...]
    """What was printed at start, such as `udp 0.0.0.0:5060`."""
    started: float
    """Epoch seconds."""
    domains: tuple[str, ...] = ()
    """What it serves."""

    def write(self, file: Path) -> None:
        """Put it in place whole, readable by the owner only.

        Raises:
            OSError: the folder cannot be written to.
        """
        draft = file.with_name(f"{file.name}.{self.pid}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as out:
            json.dump(asdict(self), out)
        draft.replace(file)

    @classmethod
    def read(cls, file: Path) -> RunFile | None:
        """What `file` says, None when there is none or nothing of use in it."""
        try:
            fields = json.loads(file.read_text("utf-8"))
            lists = {name: tuple(values) for name, values in fields.items() if isinstance(values, list)}
            return cls(**(fields | lists))
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def remove(self, file: Path) -> None:
        """Take it away at a clean stop, unless another server has put its own there."""
        if self.same(RunFile.read(file)):
            file.unlink(missing_ok=True)

    def same(self, other: RunFile | None) -> bool:
        """Whether both speak of the same process."""
        return other is not None and (other.pid, other.started) == (self.pid, self.started)

    @property
    def reachable_host(self) -> str:
        """The host to connect to from this machine."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.http_host, self.http_host)  # noqa: S104
