"""What `/status` tells: the running server in one JSON object."""

from __future__ import annotations

from typing import Any

from presence.observe.metrics import Live, requests_by_method
from presence.runfile import RunFile
from sip.stats import Stats


def status_document(run: RunFile, stats: Stats, live: Live, now: float) -> dict[str, Any]:
    """The live figures; `now` is epoch seconds.

    `uptime`, `journal_lag` and `overload.wait` are seconds; `requests` counts by method and status of the
    final answer.
    """
    requests: dict[str, dict[str, int]] = {}
    for (method, status), count in requests_by_method(stats).items():
        requests.setdefault(method, {})[str(status)] = count
    return {
        "pid": run.pid,
        "started": run.started,
        "uptime": round(now - run.started, 1),
        "listeners": list(run.listeners),
        "users": live.users(),
        "transactions": live.transactions(),
        "bindings": live.bindings(),
        "publications": live.publications(),
        "subscriptions": live.subscriptions(),
        "messages_waiting": live.messages_waiting(),
        "connections": live.connections(),
        "overload": {
            "now": bool(live.overloaded()),
            "wait": round(live.waited(), 4),
            "shed": stats.shed,
        },
        "journal_lag": round(live.journal_lag(), 4),
        "notifies": {
            "sent": stats.notifies_sent,
            "failed": stats.notifies_failed,
            "retransmitted": stats.retransmissions["NOTIFY"],
        },
        "requests": requests,
    }
