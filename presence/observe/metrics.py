"""The figures of `/metrics`, in Prometheus' format, from a registry of its own.

Everything is read when somebody asks: counters from `sip.stats.Stats`, gauges by calls, histograms from the
journal's own figures.  Only the event loop hands over each measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sip.stats import Stats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A label must not grow with what strangers send: every other method is counted as OTHER.
METHODS = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)

COUNTERS = (
    ("notifies_sent", "presentity_notifies_sent", "NOTIFY requests sent, without their retransmissions."),
    ("notifies_failed", "presentity_notifies_failed", "NOTIFY requests that failed or were not answered."),
    (
        "retransmissions_absorbed",
        "presentity_retransmissions_absorbed",
        "Retransmissions that were absorbed.",
    ),
    ("malformed", "presentity_malformed", "Messages that could not be read."),
    ("shed", "presentity_requests_shed", "Requests that were answered 503, or dropped, at the door."),
    ("stray_responses", "presentity_stray_responses", "Responses that belong to no transaction."),
)

GAUGES = (
    ("users", "presentity_users", "Users that the server knows."),
    ("transactions", "presentity_transactions", "Transactions that are alive."),
    ("bindings", "presentity_bindings", "Bindings that are alive."),
    ("publications", "presentity_publications", "Publications that are alive."),
    ("subscriptions", "presentity_subscriptions", "Subscriptions that are alive."),
    ("messages_waiting", "presentity_messages_waiting", "Messages stored for users who are away."),
    ("connections", "presentity_connections", "Open connections of stream transports."),
    ("waited", "presentity_wait_seconds", "How long messages wait to be looked at."),
    ("overloaded", "presentity_overloaded", "1 while new requests are answered 503, and shortly after."),
    ("journal_lag", "presentity_journal_lag_seconds", "Age of the oldest change that is not durable yet."),
)

JOURNAL_COUNTERS = (
    ("records", "presentity_journal_records", "Changes that became durable."),
    ("failed", "presentity_journal_failed", "Writes that could not be made durable."),
    ("restarts", "presentity_journal_restarts", "Times that the writer process had to be started again."),
)

JOURNAL_HISTOGRAMS = (
    ("batch_size", "presentity_journal_batch_records", "Changes in one commit of the journal."),
    ("commit_seconds", "presentity_journal_commit_seconds", "Time that one commit of the journal took."),
)

LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def _zero() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Live:
    """Where the present figures are read; each call is cheap and never fails."""

    users: Callable[[], float] = _zero
    transactions: Callable[[], float] = _zero
    bindings: Callable[[], float] = _zero
    publications: Callable[[], float] = _zero
    subscriptions: Callable[[], float] = _zero
    messages_waiting: Callable[[], float] = _zero
    connections: Callable[[], float] = _zero
    waited: Callable[[], float] = _zero
    overloaded: Callable[[], float] = _zero
    journal_lag: Callable[[], float] = _zero


class HistogramFigures(Protocol):
    """`counts[i]`: observations of at most `bounds[i]`, more than the bound before; the last of any more."""

    @property
    def bounds(self) -> Sequence[float]: ...

    @property
    def counts(self) -> Sequence[int]: ...

    @property
    def total(self) -> float:
        """Sum of what was observed."""


class JournalFigures(Protocol):
    """What the journal counts."""

    @property
    def records(self) -> int: ...

    @property
    def failed(self) -> int: ...

    @property
    def restarts(self) -> int: ...

    @property
    def batch_size(self) -> HistogramFigures: ...

    @property
    def commit_seconds(self) -> HistogramFigures: ...


class _Reader(Collector):
    def __init__(self, stats: Stats, live: Live, journal: JournalFigures | None) -> None:
        self._stats = stats
        self._live = live
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "presentity_requests",
            "Requests received, by method and the status of the final answer.",
            labels=["method", "status"],
        )
        for (method, status), count in sorted(requests_by_method(self._stats).items()):
            requests.add_metric([method, str(status)], count)
        yield requests
        sent_again = CounterMetricFamily(
            "presentity_retransmissions",
            "Requests and responses that were sent again because no answer came, by method.",
            labels=["method"],
        )
        for method, count in sorted(retransmissions_by_method(self._stats).items()):
            sent_again.add_metric([method], count)
        yield sent_again
        yield CounterMetricFamily(
            "presentity_notifies_retransmitted",
            "NOTIFY requests that were sent again because no answer came.",
            value=self._stats.retransmissions["NOTIFY"],
        )
        limits = CounterMetricFamily(
            "presentity_limits_reached",
            "What was refused because a limit was reached, by the name of its setting (docs/limits.md).",
            labels=["limit"],
        )
        for limit, count in sorted(self._stats.limits.items()):
            limits.add_metric([limit], count)
        yield limits
        for attribute, name, text in COUNTERS:
            yield CounterMetricFamily(name, text, value=getattr(self._stats, attribute))
        for attribute, name, text in GAUGES:
            yield GaugeMetricFamily(name, text, value=getattr(self._live, attribute)())
        if self._journal is not None:
            for attribute, name, text in JOURNAL_COUNTERS:
                yield CounterMetricFamily(name, text, value=getattr(self._journal, attribute))
            for attribute, name, text in JOURNAL_HISTOGRAMS:
                yield _histogram(name, text, getattr(self._journal, attribute))


def _histogram(name: str, text: str, figures: HistogramFigures) -> HistogramMetricFamily:
    labels = [*map(floatToGoString, figures.bounds), "+Inf"]
    buckets = list(zip(labels, map(float, accumulate(figures.counts)), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=figures.total)


class Metrics:
    """All figures of one server."""

    def __init__(self, stats: Stats, live: Live, journal: JournalFigures | None = None) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Reader(stats, live, journal))
        self._lag = Histogram(
            "presentity_loop_lag_seconds",
            "How late the event loop came round to a call that was due.",
            buckets=LATENCIES,
            registry=self.registry,
        )

    def loop_lag(self, seconds: float) -> None:
        """The event loop was so late."""
        self._lag.observe(seconds)

    def text(self) -> bytes:
        """Everything, as a Prometheus server reads it (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)


def requests_by_method(stats: Stats) -> dict[tuple[str, int], int]:
    """Requests by (method, status), with methods that nobody defined put together as OTHER."""
    counts: dict[tuple[str, int], int] = {}
    for (method, status), count in stats.requests.items():
        key = (_label(method), status)
        counts[key] = counts.get(key, 0) + count
    return counts


def retransmissions_by_method(stats: Stats) -> dict[str, int]:
    """What was sent again, by the method of the request, undefined ones put together as OTHER."""
    counts: dict[str, int] = {}
    for method, count in stats.retransmissions.items():
        counts[_label(method)] = counts.get(_label(method), 0) + count
    return counts


def _label(method: str) -> str:
    return method if method in METHODS else "OTHER"
