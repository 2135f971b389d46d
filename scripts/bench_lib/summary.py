"""Results of all rounds as medians, ratios between servers, and the tables made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench_lib.measure import Result, median


@dataclass(slots=True)
class Row:
    """One operation on one server, over all rounds."""

    operation: str
    server: str
    unit: str
    results: list[Result] = field(default_factory=list)

    @property
    def cpu(self) -> float | None:
        return median(result.cpu for result in self.results)

    @property
    def rate(self) -> float | None:
        """Sustained, or where nobody looked for that, of the closed loop."""
        if self.looked:
            return median(result.rate for result in self.results)
        return median(result.closed_rate for result in self.results)

    @property
    def looked(self) -> bool:
        """Whether `rate` is one that was looked for."""
        return any(result.rungs for result in self.results)

    @property
    def bound(self) -> str:
        return next((result.bound for result in self.results if result.bound), "")

    @property
    def p50(self) -> float | None:
        return median(result.p50 for result in self.results)

    @property
    def p99(self) -> float | None:
        return median(result.p99 for result in self.results)

    @property
    def bad(self) -> str:
        failed = sum(result.failed for result in self.results)
        again = sum(result.again for result in self.results)
        return f"{failed} + {again}" if failed or again else "0"

    @property
    def spread(self) -> str:
        """CPU of the cheapest and the dearest round."""
        known = [result.cpu for result in self.results if result.cpu is not None]
        return f"{number(min(known))} to {number(max(known))}" if len(known) > 1 else ""

    @property
    def by_process(self) -> str:
        names = dict.fromkeys(name for result in self.results for name in result.by_process)
        parts = ((name, median(it.by_process.get(name) for it in self.results)) for name in names)
        return ", ".join(f"{name} {number(value)}" for name, value in parts)

    @property
    def more(self) -> dict[str, float]:
        """Medians of what only this operation has."""
        names = dict.fromkeys(name for result in self.results for name in result.more)
        values = {name: median(it.more.get(name) for it in self.results) for name in names}
        return {name: value for name, value in values.items() if value is not None}


def rows(results: Iterable[Result]) -> list[Row]:
    """One for each operation and server, in the order in which they were first measured."""
    found: dict[tuple[str, str], Row] = {}
    for result in results:
        key = (result.operation, result.server)
        row = found.setdefault(key, Row(result.operation, result.server, result.unit))
        row.results.append(result)
    order = list(dict.fromkeys(operation for operation, _ in found))
    return sorted(found.values(), key=lambda row: order.index(row.operation))


def number(value: float | None) -> str:
    """With as many places as mean something."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns are as wide as they need, so that it reads well as text too."""
    every = [list(head), *(list(line) for line in lines)]
    widths = [max(len(line[place]) for line in every) for place in range(len(head))]
    shown = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in every
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown) + "\n"


def main_table(all_rows: Sequence[Row]) -> str:
    """CPU, rates and latencies."""
    head = (
        *("operation", "server", "CPU µs each", "lowest to highest round", "of which"),
        *("rate/s", "p50 ms", "p99 ms", "failed + sent again"),
    )
    lines = []
    for row in all_rows:
        if row.cpu is None:
            continue
        mark = "" if row.looked else " (closed loop)"
        bound = f" ({row.bound} is the bound)" if row.bound else ""
        lines.append(
            (
                *(row.operation, row.server, number(row.cpu), row.spread, row.by_process),
                *(
                    number(row.rate) + mark + bound if row.rate else "none" if row.looked else "",
                    number(row.p50),
                    number(row.p99),
                    row.bad,
                ),
            )
        )
    return table(head, lines) if lines else ""


def more_table(all_rows: Sequence[Row]) -> str:
    """What only some operations have."""
    lines = [
        (row.operation, row.server, name.replace("_", " "), number(value))
        for row in all_rows
        for name, value in row.more.items()
    ]
    return table(("operation", "server", "what", "value"), lines) if lines else ""


def ratio_table(all_rows: Sequence[Row], ours: str) -> str:
    """Our CPU as a part of the peer's, our rate as a multiple of it; empty without a peer."""
    mine = {row.operation: row for row in all_rows if row.server == ours}
    lines = []
    for row in all_rows:
        own = mine.get(row.operation)
        if own is None or own is row:
            continue
        lines.append(
            (
                row.operation,
                row.server,
                number(own.cpu / row.cpu) if own.cpu and row.cpu else "",
                number(own.rate / row.rate) if own.rate and row.rate else "",
            )
        )
    head = ("operation", f"{ours} beside", "CPU, ours by theirs", "rate, ours by theirs")
    return table(head, lines) if lines else ""
