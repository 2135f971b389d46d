"""Plots of what was measured, as SVG.  Importing this needs matplotlib (extra `bench`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from bench_lib.measure import BAD, Result
from bench_lib.summary import Row, rows

mpl.use("svg")
# The same figures make the same file.
mpl.rcParams["svg.hashsalt"] = "presentity"

from matplotlib import pyplot as plt  # noqa: E402

SINGLES = ("register", "publish", "publish-modify", "subscribe", "message")
FANOUT = "fanout-"
SCALE = "scale-"


def draw(folder: Path, name: str, results: Sequence[Result]) -> list[Path]:
    """Those plots that there are figures for; returns the files."""
    measured = rows(results)
    made = [
        _latency(folder / f"{name}-latency.svg", measured),
        _fanout(folder / f"{name}-fanout.svg", measured),
        _scale(folder / f"{name}-scale.svg", measured),
    ]
    return [file for file in made if file is not None]


def _save(figure: Any, file: Path) -> Path:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
    return file


def _latency(file: Path, measured: Sequence[Row]) -> Path | None:
    """Latency over the rate that came about, for each single request."""
    shown = [row for row in measured if row.operation in SINGLES and any(it.rungs for it in row.results)]
    names = list(dict.fromkeys(row.operation for row in shown))
    if not names:
        return None
    figure, axes = plt.subplots(len(names), 1, figsize=(7, 2.6 * len(names)), squeeze=False)
    for axis, operation in zip(axes[:, 0], names, strict=True):
        for row in (row for row in shown if row.operation == operation):
            rungs = sorted((rung for it in row.results for rung in it.rungs), key=lambda rung: rung.rate)
            (line,) = axis.plot(
                [it.rate for it in rungs], [it.p50 for it in rungs], "o-", label=f"{row.server} p50"
            )
            axis.plot(
                [it.rate for it in rungs],
                [it.p99 for it in rungs],
                "s--",
                color=line.get_color(),
                label="p99",
            )
            bad = [it for it in rungs if it.bad > BAD]
            axis.plot([it.rate for it in bad], [it.p99 for it in bad], "rx", markersize=9)
        axis.set_title(f"{operation} (red: more than {BAD:.1%} bad)")
        axis.set_xlabel("operations a second")
        axis.set_ylabel("ms")
        axis.set_yscale("log")
        axis.legend(fontsize="small")
    return _save(figure, file)


def _fanout(file: Path, measured: Sequence[Row]) -> Path | None:
    """CPU of a NOTIFY over the number of watchers."""
    shown = [row for row in measured if row.operation.startswith(FANOUT) and row.cpu is not None]
    return _curves(file, shown, FANOUT, "watchers of a presentity", "µs of CPU a NOTIFY")


def _scale(file: Path, measured: Sequence[Row]) -> Path | None:
    """CPU of an operation over how much there is."""
    shown = [row for row in measured if row.operation.startswith(SCALE) and row.cpu is not None]
    return _curves(file, shown, SCALE, "presentities and subscriptions", "µs of CPU an operation")


def _curves(file: Path, shown: Sequence[Row], prefix: str, across: str, up: str) -> Path | None:
    """One curve for each server and operation; the number at the end of an operation's name is its place."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in shown:
        what, _, size = row.operation.removeprefix(prefix).rpartition("-")
        curves.setdefault(f"{row.server} {what}".strip(), []).append((int(size), row.cpu or 0.0))
    if not curves:
        return None
    figure, axis = plt.subplots(figsize=(7, 4))
    for label, points in curves.items():
        axis.plot(*zip(*sorted(points), strict=True), "o-", label=label)
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.legend(fontsize="small")
    return _save(figure, file)
