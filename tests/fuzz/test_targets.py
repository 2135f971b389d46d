"""Bytes as strangers may send them, through every parser and through the whole server: no fault but our own.

`scripts/fuzz` looks for longer, and for more than these.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.corpus import examples
from tests.fuzz.mutate import inputs
from tests.fuzz.targets import TARGETS, Target, seeds
from tests.fuzz.whole import frame, framed
from tests.presence.phones import SHARED

FOUND = Path(__file__).with_name("found")
SECONDS = 1.0
"""Of the short run of each target, about: its `pace` says how many inputs that are."""


@pytest.mark.parametrize("name", TARGETS)
def test_there_are_examples_even_without_the_material_beside(name: str) -> None:
    assert [where for where in seeds(name) if not where.startswith("shared/")]


def test_the_material_beside_is_among_the_examples(shared: Path) -> None:
    parts = {"/".join(where.split("/")[:2]) for where in examples() if where.startswith("shared/")}
    assert parts >= {"shared/captures", "shared/sip-torture", "shared/reference", "shared/rfc"}
    assert len(examples()) > 1000


@pytest.mark.parametrize("name", TARGETS)
def test_examples_as_they_are(name: str) -> None:
    held = list(seeds(name).values())
    for data in held[:: 1 + len(held) // TARGETS[name].pace]:
        TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_examples_that_were_changed(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"shared material not found at {SHARED} (set PRESENTITY_SHARED)")
    target = TARGETS[name]
    for data in inputs(list(seeds(name).values()), round(target.pace * SECONDS), target.most):
        try:
            target.run(data)
        except Exception as error:
            raise AssertionError(f"{name} does not stand {data!r}") from error


def found() -> Iterator[tuple[str, Path]]:
    for folder in sorted(FOUND.iterdir()):
        for file in sorted(folder.iterdir()):
            yield folder.name, file


@pytest.mark.parametrize(("name", "file"), list(found()), ids=lambda it: getattr(it, "name", it))
def test_what_was_found_once(name: str, file: Path) -> None:
    TARGETS[name].run(file.read_bytes())


# -- the fuzzer itself ---------------------------------------------------------------------------------------


def stumbles(data: bytes) -> None:
    if b"xy" in data:
        raise KeyError("stumbled")
    if b"slow" in data:
        begun = time.process_time()
        while time.process_time() < begun + 1.2 * run.SLOW:
            pass


@pytest.fixture
def stumbling(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(TARGETS, "stumbling", Target(stumbles, lambda data: data == b"abc"))
    return "stumbling"


def test_a_defect_is_told_once_with_the_line_that_shows_it_again(
    stumbling: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finder = run.Finder(stumbling, tmp_path)
    for data in (b"abc", b"xy1", b"xy2"):
        finder.one(data)
    (file,) = finder.found.values()
    assert file.read_bytes() == b"xy1"
    told = capsys.readouterr().out
    assert re.search(r"^FOUND stumbling: KeyError in test_targets.py:\d+ stumbles", told)
    assert f"scripts/fuzz --target stumbling --reproduce {file}" in told
    with pytest.raises(KeyError):
        run.main(["--target", stumbling, "--reproduce", str(file)])


def test_what_takes_long_is_a_defect(stumbling: str, tmp_path: Path) -> None:
    finder = run.Finder(stumbling, tmp_path)
    finder.one(b"abc")
    finder.one(b"slow")
    (place,) = finder.found
    assert place == "slow: 4 bytes"


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["--target", "mesage"])
    assert ended.value.code == 2
    assert "there is no target 'mesage', only message, stream" in capsys.readouterr().err


def test_a_short_run_that_is_guided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed (extra fuzz)")
    status = run.main(["--target", "message", "--seconds", "2", "--folder", str(tmp_path)])
    told = capsys.readouterr().out
    assert status == 0, told
    match = re.search(r"message: \d+ s, #(\d+) DONE cov: (\d+)", told)
    assert match is not None, told
    assert int(match[1]) > 100
    assert int(match[2]) > 300, "our modules are looked into"


def test_a_short_run_without_a_guide(tmp_path: Path) -> None:
    finder = run.unguided("message", 0.5, tmp_path, 1)
    assert finder.found == {}
    assert finder.tried > len(seeds("message"))


def test_the_same_number_changes_an_example_in_the_same_way() -> None:
    held = list(seeds("message").values())[:5]
    assert list(inputs(held, 20, 4096, 7)) == list(inputs(held, 20, 4096, 7))
    assert list(inputs(held, 20, 4096, 7)) != list(inputs(held, 20, 4096, 8))


# -- WebSocket -----------------------------------------------------------------------------------------------


def test_frames_in_pieces_are_the_same_frames() -> None:
    for data in seeds("websocket").values():
        whole, told = framed(data)
        for pieces in (1, 3):
            again, said = framed(data, pieces)
            assert again == whole
            assert len(said) == len(told)


def test_a_frame_of_a_message_is_one() -> None:
    assert framed(frame(b"MESSAGE sip:a SIP/2.0\r\n\r\n"))[0] == [b"MESSAGE sip:a SIP/2.0\r\n\r\n"]
