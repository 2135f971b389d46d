"""How the server writes: into the database, and into logs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from presence.settings.kinds import Count, Duration, Group, setting


class JournalSettings(Group):
    """Section Journal: commits of what changed."""

    journal_linger: Annotated[float, Field(ge=0, le=1000)] = setting(
        0.5,
        "Journal",
        "How long a small commit waits for as many changes as there were lately; one that comes alone does"
        " not wait, and changes join anyhow while another commit runs.",
        "milliseconds",
    )
    journal_batch: Count = setting(500, "Journal", "Most changes in one commit.")
    journal_queue: Count = setting(
        20_000, "Journal", "Changes waiting for a commit at which requests are answered 503."
    )
    outbox_poll: Duration = setting(
        0.25, "Journal", "How often the server looks for changes made by the command line.", "seconds"
    )


class LogSettings(Group):
    """Section Logs: what is logged, and how."""

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Logs", "Least level that is logged: debug, info, warning or error."
    )
    log_format: Literal["keyvalue", "json"] = setting(
        "keyvalue", "Logs", "One line an event, as `keyvalue` or `json`."
    )
    log_sip: bool = setting(
        False,
        "Logs",
        "Log every SIP message whole, with direction, peer and transport; credentials are masked.",
    )
