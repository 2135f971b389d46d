"""Writes what was measured: raw results as JSON, tables as Markdown, plots where matplotlib is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench_lib.measure import BAD, Result
from bench_lib.summary import main_table, more_table, ratio_table, rows

HINT = "pip install 'presentity[bench]'"


def write(folder: Path, name: str, facts: dict[str, str], results: Sequence[Result], ours: str) -> list[Path]:
    """NAME.json, NAME.md and NAME-*.svg; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / f"{name}.json"
    known = {"facts": facts, "results": [result.as_dict() for result in results]}
    raw.write_text(json.dumps(known, indent=1) + "\n")
    plots = _plots(folder, name, results)
    page = folder / f"{name}.md"
    page.write_text(text(name, facts, results, ours, [plot.name for plot in plots]))
    return [raw, page, *plots]


def text(
    name: str, facts: dict[str, str], results: Sequence[Result], ours: str, plots: Sequence[str] = ()
) -> str:
    """The page."""
    measured = rows(results)
    parts = [f"# Benchmark {name}\n", "\n".join(f"- {key}: {value}" for key, value in facts.items()) + "\n"]
    if table := main_table(measured):
        parts.append(
            "CPU is that of all processes of the server, for each operation at saturation, median of the"
            f" rounds. A rate is the highest with at most {BAD:.1%} failed or sent again."
            " [How it was measured](README.md).\n"
        )
        parts.append(table)
    if table := ratio_table(measured, ours):
        parts.append("## Beside the peer\n")
        parts.append(table)
    if table := more_table(measured):
        parts.append("## What else was measured\n")
        parts.append(table)
    if plots:
        parts.append("\n".join(f"![{Path(plot).stem}]({plot})" for plot in plots) + "\n")
    return "\n".join(parts)


def _plots(folder: Path, name: str, results: Sequence[Result]) -> list[Path]:
    try:
        from bench_lib import plots
    except ImportError:
        return []
    return plots.draw(folder, name, results)


def has_plots() -> bool:
    """Whether matplotlib is there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True
