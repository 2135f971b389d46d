"""`scripts/fuzz`: looks for bytes that a target does not stand, for as long as it is told.

Each target runs in a process of its own, guided by the coverage of our modules (atheris) where that can be
had, with changed examples only where not.  Each defect is found once: by the kind of the error and the place
in our code.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"
OURS = ("sip", "presence", "soapapi")
WITHIN = {
    "message": ("sip.headers", "sip.message", "sip.uri"),
    "stream": ("sip.framing", "sip.message"),
    "soap": ("soapapi", "presence.provisioning"),
}
"""What a target is guided by where that is less than all of it: to look into a module takes a while."""
MODEL = "model"
SLOW = 0.5
"""Seconds of CPU that no input of a target may take."""
HANGS = 20.0
"""Seconds of CPU after which an input is given up that does not end."""


def place_of(error: BaseException) -> str:
    """Where in our code it was raised, and its kind: one line for one defect."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [it for it in frames if any(f"/{name}/" in it.filename for name in OURS)] or frames
    last = ours[-1] if ours else None
    where = "" if last is None else f" in {Path(last.filename).name}:{last.lineno} {last.name}"
    return f"{type(error).__name__}{where}"


class Hang(Exception):
    """An input that does not end."""


def _gave_up(signum: int, frame: object) -> None:
    raise Hang(f"no end within {HANGS:.0f} s of CPU")


class Finder:
    """Tries inputs; keeps what each new defect was found with."""

    def __init__(self, name: str, folder: Path) -> None:
        from tests.fuzz.targets import TARGETS

        self._name = name
        self._run = TARGETS[name].run
        self._folder = folder
        self.tried = 0
        self.found: dict[str, Path] = {}
        signal.signal(signal.SIGPROF, _gave_up)

    def one(self, data: bytes) -> None:
        """Try an input."""
        self.tried += 1
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, HANGS)
        try:
            self._run(data)
        except Exception as error:  # noqa: BLE001  whatever a target raises is a defect
            self._keep(place_of(error), str(error), data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        took = time.process_time() - begun
        if took > SLOW and self.tried > 1:
            self._keep(f"slow: {len(data)} bytes", f"{took:.1f} s of CPU", data)

    def _keep(self, place: str, text: str, data: bytes) -> None:
        if place in self.found:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"crash-{hashlib.sha1(data).hexdigest()[:12]}"
        file.write_bytes(data)
        self.found[place] = file
        print(f"FOUND {self._name}: {place}: {text[:300]!r}", flush=True)
        print(f"      scripts/fuzz --target {self._name} --reproduce {_shown(file)}", flush=True)


def _shown(file: Path) -> Path:
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


def unguided(name: str, seconds: float, folder: Path, seed: int) -> Finder:
    """Try changed examples for so long."""
    from tests.fuzz.mutate import changed
    from tests.fuzz.targets import TARGETS, seeds

    finder, chance = Finder(name, folder), random.Random(seed)
    examples = list(seeds(name).values())
    most = TARGETS[name].most
    end = time.monotonic() + seconds
    for data in examples:
        finder.one(data[:most])
    while time.monotonic() < end:
        finder.one(changed(chance.choice(examples), chance, examples, most))
    return finder


def guided(name: str, seconds: float, folder: Path, seed: int) -> None:
    """Try what the coverage leads to for so long; does not return."""
    import atheris

    with atheris.instrument_imports(include=list(WITHIN.get(name, OURS)), enable_loader_override=False):
        from tests.fuzz.mutate import TOKENS, changed
        from tests.fuzz.targets import TARGETS, seeds

        for module in ("tests.fuzz.whole",) if name in ("server", "websocket") else ():
            __import__(module)
    finder = Finder(name, folder)
    corpus, start = folder / "corpus", folder / "seeds"
    for place in (corpus, start):
        place.mkdir(parents=True, exist_ok=True)
    examples, chance = list(seeds(name).values()), random.Random(seed)
    for data in examples:
        (start / hashlib.sha1(data).hexdigest()).write_bytes(data)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS))
    arguments = [
        "fuzz", f"-max_total_time={max(1, round(seconds))}", f"-max_len={TARGETS[name].most}",
        f"-artifact_prefix={folder}/", f"-dict={words}", f"-seed={seed + 1}", "-rss_limit_mb=2048",
        "-print_final_stats=0", str(corpus), str(start),
    ]  # fmt: skip

    def change(data: bytes, most: int, number: int) -> bytes:
        # As libFuzzer would, but half of the time as somebody does who knows what it is.
        chance.seed(number)
        return atheris.Mutate(data, most) if number % 2 else changed(data, chance, examples, most)

    atheris.Setup(arguments, finder.one, custom_mutator=change)
    atheris.Fuzz()


def _escaped(token: bytes) -> str:
    """As libFuzzer reads it."""
    return "".join(f"\\x{byte:02x}" for byte in token)


def _child(name: str, seconds: float, folder: Path, seed: int, engine: str) -> int:
    """Run a target in a process of its own; the number of defects."""
    command = [sys.executable, "-m", "tests.fuzz.run", "--child"]
    command += [name, str(seconds), str(folder), str(seed), engine]
    found, last, begun = 0, "", time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(("FOUND ", "      ")):
                found += line.startswith("FOUND ")
                print(line, end="", flush=True)
            elif line.startswith("#") and "cov:" in line:
                last = line
                if "pulse" in line:
                    print(f"{name}: {' '.join(line.split())}", flush=True)
            elif "ERROR: libFuzzer" in line or "Traceback" in line or "Error" in line:
                found += "libFuzzer" in line
                print(f"{name}: {line}", end="", flush=True)
            elif line.startswith("tried "):
                last = line
    if process.returncode and not found:
        print(f"FOUND {name}: the process ended with {process.returncode}", flush=True)
        found = 1
    print(
        f"{name}: {time.monotonic() - begun:.0f} s, {' '.join(last.split()) or 'nothing'}, {found} found",
        flush=True,
    )
    return found


def _as_child(name: str, seconds: float, folder: Path, seed: int, engine: str) -> int:
    if engine == "guided":
        guided(name, seconds, folder, seed)
    finder = unguided(name, seconds, folder, seed)
    print(f"tried {finder.tried} inputs")
    return 1 if finder.found else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 1 if something was found, 2 for a wrong command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--child"]:
        # Before anything of ours is imported: what is loaded already is not guided by.
        name, seconds, folder, seed, engine = given[1:]
        return _as_child(name, float(seconds), Path(folder), int(seed), engine)
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description="Look for bytes, and for orders of requests, that something of ours does not stand.",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together (60)")
    parser.add_argument("--target", action="append", metavar="NAME", help=", ".join([*TARGETS, MODEL]))
    parser.add_argument("--seed", type=int, default=0, help="other numbers try other inputs (0)")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="give a target these bytes")
    parser.add_argument(
        "--engine", choices=("guided", "changed"), help="guided by coverage (atheris), or not"
    )
    parser.add_argument("--folder", type=Path, help="where findings and the corpus are kept (build/fuzz)")
    chosen = parser.parse_args(given)
    names = chosen.target or [*TARGETS, MODEL]
    if unknown := [name for name in names if name not in TARGETS and name != MODEL]:
        parser.error(f"there is no target {unknown[0]!r}, only {', '.join([*TARGETS, MODEL])}")
    if chosen.reproduce is not None:
        if len(names) != 1 or names == [MODEL]:
            parser.error("--reproduce needs one --target")
        TARGETS[names[0]].run(chosen.reproduce.read_bytes())
        print(f"{names[0]} stands {chosen.reproduce}")
        return 0
    engine = chosen.engine or ("guided" if find_spec("atheris") else "changed")
    if engine == "changed":
        print("atheris is not there (extra fuzz): changed examples only", file=sys.stderr)
    folder = chosen.folder or BUILD
    each = chosen.seconds / len(names)
    found = 0
    for name in names:
        if name == MODEL:
            from tests.fuzz.model import search

            found += search(each, chosen.seed)
        else:
            found += _child(name, each, folder / name, chosen.seed, engine)
    print(f"{found} found" if found else "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
