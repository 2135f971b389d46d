"""The figures of /metrics."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from presence.observe.metrics import Live, Metrics
from presence.observe.status import status_document
from presence.runfile import RunFile
from presence.storage.journal.statistics import JournalStatistics
from sip.stats import Stats


def values(metrics: Metrics) -> dict[str, float]:
    """All samples by name and labels."""
    return {
        sample.name + "".join(f",{key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_requests_are_counted_by_method_and_status():
    stats = Stats()
    stats.requests["REGISTER", 200] += 3
    stats.requests["REGISTER", 401] += 4
    found = values(Metrics(stats, Live()))
    assert found["presentity_requests_total,method=REGISTER,status=200"] == 3
    assert found["presentity_requests_total,method=REGISTER,status=401"] == 4


def test_methods_that_nobody_defined_share_one_label():
    stats = Stats()
    for number in range(100):
        stats.requests[f"METHOD{number}", 405] += 1
    found = values(Metrics(stats, Live()))
    assert found["presentity_requests_total,method=OTHER,status=405"] == 100
    assert not any("METHOD" in name for name in found)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("notifies_sent", "presentity_notifies_sent_total"),
        ("notifies_failed", "presentity_notifies_failed_total"),
        ("malformed", "presentity_malformed_total"),
    ],
)
def test_a_counter_shows_what_the_stack_counted_meanwhile(attribute, name):
    stats = Stats()
    metrics = Metrics(stats, Live())
    setattr(stats, attribute, 5)
    assert values(metrics)[name] == 5


def test_retransmissions_are_counted_by_method_and_those_of_notify_by_a_name_of_their_own():
    stats = Stats()
    metrics = Metrics(stats, Live())
    assert values(metrics)["presentity_notifies_retransmitted_total"] == 0
    stats.retransmissions["NOTIFY"] += 3
    stats.retransmissions["MESSAGE"] += 2
    for number in range(20):
        stats.retransmissions[f"METHOD{number}"] += 1
    found = values(metrics)
    assert found["presentity_notifies_retransmitted_total"] == 3
    assert {
        name: value for name, value in found.items() if name.startswith("presentity_retransmissions_t")
    } == {
        "presentity_retransmissions_total,method=NOTIFY": 3,
        "presentity_retransmissions_total,method=MESSAGE": 2,
        "presentity_retransmissions_total,method=OTHER": 20,
    }


def test_every_figure_is_described_in_the_documentation():
    journal = JournalStatistics()
    names = {family.name for family in Metrics(Stats(), Live(), journal).registry.collect()}
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")
    described = set(re.findall(r"^\| `(presentity_\w+?)(?:_total)?` \|", text, re.MULTILINE))
    assert described == names


@pytest.mark.parametrize("attribute", ["users", "transactions", "bindings", "publications", "subscriptions"])
def test_a_gauge_is_read_when_somebody_asks(attribute):
    now = [1]
    metrics = Metrics(Stats(), Live(**{attribute: lambda: now[0]}))
    now[0] = 7
    assert values(metrics)[f"presentity_{attribute}"] == 7


def test_the_journals_own_histograms_are_shown_cumulative():
    sizes = SimpleNamespace(bounds=(1, 10), counts=[2, 3, 1], total=40.0)
    times = SimpleNamespace(bounds=(0.01,), counts=[5, 1], total=0.2)
    journal = SimpleNamespace(records=40, failed=1, restarts=0, batch_size=sizes, commit_seconds=times)
    found = values(Metrics(Stats(), Live(journal_lag=lambda: 0.5), journal))
    assert found["presentity_journal_batch_records_bucket,le=1.0"] == 2
    assert found["presentity_journal_batch_records_bucket,le=10.0"] == 5
    assert found["presentity_journal_batch_records_bucket,le=+Inf"] == 6
    assert found["presentity_journal_batch_records_count"] == 6
    assert found["presentity_journal_commit_seconds_sum"] == pytest.approx(0.2)
    assert found["presentity_journal_lag_seconds"] == 0.5
    assert found["presentity_journal_failed_total"] == 1


def test_the_lag_of_the_loop_is_a_histogram():
    metrics = Metrics(Stats(), Live())
    metrics.loop_lag(0.004)
    metrics.loop_lag(0.2)
    found = values(metrics)
    assert found["presentity_loop_lag_seconds_bucket,le=0.005"] == 1
    assert found["presentity_loop_lag_seconds_count"] == 2


def test_two_servers_in_one_process_do_not_share_figures():
    one, other = Metrics(Stats(), Live()), Metrics(Stats(), Live())
    one.loop_lag(1.0)
    assert values(other)["presentity_loop_lag_seconds_count"] == 0


def test_the_status_document_tells_who_answers_and_what_was_asked():
    stats = Stats()
    stats.requests["PUBLISH", 200] = 2
    stats.requests["FOO", 405] = 1
    run = RunFile(42, "127.0.0.1", 8080, ("udp 127.0.0.1:5060",), 1000.0)
    document = status_document(run, stats, Live(bindings=lambda: 3), now=1010.0)
    assert (document["pid"], document["uptime"], document["bindings"]) == (42, 10.0, 3)
    assert document["requests"] == {"PUBLISH": {"200": 2}, "OTHER": {"405": 1}}
