"""`presentity explain`: why a watcher sees of a presentity what he sees.

The running server is asked.  Without one, the parts of a server are put together once more around what the
database holds about these two, so the answer is made by the same code.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import click

from presence.cli.options import assignments, setting, settings_of, where
from presence.cli.status import PATIENCE, ask
from presence.cli.storage import opened
from presence.directory import Directory, shown
from presence.policy.identity import domain_of
from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import ProvisioningError
from presence.runfile import RunFile
from presence.settings import Settings, StartError

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from presence.storage.database import Snapshot
    from presence.wiring import Rows
    from sip.ports import JournalError, Record
    from sip.transport.flow import Flow
    from sip.transport.spec import Destination
    from sip.uri import Uri

OFFLINE: Final = (
    "The server is not running: this is what the database holds. Long-term status and the outcome of the last"
    " NOTIFY are not in it."
)


@click.command()
@click.argument("watcher", metavar="WATCHER")
@click.argument("presentity", metavar="PRESENTITY")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@setting("domain")
@assignments
@where
@click.pass_context
def explain(context: click.Context, watcher: str, presentity: str, as_json: bool) -> None:
    """Show why WATCHER sees of PRESENTITY what he sees; both are NAME@DOMAIN (see docs/explain.md).

    Every step is shown: what is published, what is composed of it, which rules match and why the others do
    not, what they take away, the watcher's filter, the document, and the state of his subscriptions.
    """
    settings = settings_of(context)
    canonical_aor(watcher)
    canonical_aor(presentity)
    report = from_server(settings, watcher, presentity) or from_database(settings, watcher, presentity)
    click.echo(json.dumps(report) if as_json else as_text(report))


# -- where it comes from ----------------------------------------------------------------------------------


def from_server(settings: Settings, watcher: str, presentity: str) -> dict[str, Any] | None:
    """What the running server says; None when there is none.

    Raises:
        ProvisioningError: it does not know the presentity.
    """
    run = RunFile.read(settings.state_file)
    if run is None or ask(run) is None:
        return None
    connection = http.client.HTTPConnection(run.reachable_host, run.http_port, timeout=PATIENCE)
    try:
        connection.request("GET", "/explain?" + urlencode({"watcher": watcher, "presentity": presentity}))
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise StartError(f"the running server does not answer: {error}") from None
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ProvisioningError(str(answer.get("error", "the running server cannot explain")))
    return {"server": "running", **answer}


def from_database(settings: Settings, watcher: str, presentity: str) -> dict[str, Any]:
    """What follows from what is stored.

    Raises:
        StartError: the database cannot be read.
        ProvisioningError: there is no such presentity.
    """
    from presence.wiring import build

    aors = {canonical_aor(watcher), canonical_aor(presentity)}
    now = time.time()
    with opened(settings) as database, database.snapshot() as snapshot:
        users = list(snapshot.users())
        settings, domains_from = _with_domains(settings, (user.aor for user in users))
        directory = Directory(settings.domain)
        directory.load(user for user in users if aors & {user.aor, *user.aliases})
        aors |= {directory.resolve(aor) or aor for aor in aors}
        # Nothing opens, nothing is sent, nothing is written.
        house = build(
            settings, _Nowhere(), _NoJournal(), directory, secret=bytes(32), now=0.0, wall=lambda: now
        )
        rules = [document for document in snapshot.policies() if document.owner in aors]
        house.contacts.load((owner, groups) for owner, groups in snapshot.contacts() if owner in aors)
        house.restore(_rows_of(snapshot, aors, now), now=0.0, wall=now, policies=rules)
    try:
        explanation = house.explain(watcher, presentity)
    except LookupError as error:
        raise ProvisioningError(str(error.args[0])) from None
    return {
        "server": "not running",
        "domains": list(settings.domain),
        "domains_from": domains_from,
        **explanation.as_dict(),
    }


def _with_domains(settings: Settings, aors: Iterable[str]) -> tuple[Settings, str]:
    """The settings with the domains that the server serves when it runs, and how they are known.

    The default domain says nothing about what a server with other options serves, and whoever is not of a
    domain of ours counts as foreign.
    """
    if "domain" in settings.model_fields_set:
        return settings, "settings"
    run = RunFile.read(settings.state_file)
    if run is not None and run.domains:
        # Left behind by a server that was killed.
        return settings.model_copy(update={"domain": run.domains}), "last run"
    domains = tuple(sorted({domain_of(aor) for aor in aors} - {""}))
    return (settings.model_copy(update={"domain": domains}), "users") if domains else (settings, "default")


_ABOUT: Final[Mapping[str, Callable[[Sequence[Any], Sequence[Any]], tuple[set[object], float]]]] = {
    "binding": lambda key, row: ({key[0]}, row[4]),
    "publication": lambda key, row: ({row[1]}, row[3]),
    # The watcher as well: through a list he may watch anybody.
    "subscription": lambda key, row: ({row[2], row[3]}, row[14]),
}
"""Kind to the AORs that a row is about and when it ends; rows of other kinds say nothing here."""


def _rows_of(snapshot: Snapshot, aors: Iterable[str], now: float) -> Callable[[str], Rows]:
    wanted = frozenset(aors)

    def load(kind: str) -> Rows:
        about = _ABOUT.get(kind)
        if about is None:
            return
        for key, row in snapshot.load(kind):
            aors, ends = about(key, row)
            if aors & wanted and ends > now:
                yield key, row

    return load


class _Nowhere:
    """No network."""

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        return False

    def flow(self, key: str) -> Flow | None:
        return None

    def udp_flow(self, through: Flow, host: str, port: int) -> Flow:
        raise NotImplementedError

    def answer_elsewhere(self, transport: str, host: str, port: int, data: bytes) -> None:
        raise NotImplementedError

    def resolve(self, uri: Uri) -> Deferred[list[Destination]]:
        raise NotImplementedError

    def connect(self, destination: Destination) -> Deferred[Flow]:
        raise NotImplementedError


class _NoJournal:
    """Writes nothing, and never says that it did."""

    def write(self, records: Sequence[Record], done: Callable[[JournalError | None], None]) -> None:
        pass

    catch_up = write


# -- how it is shown --------------------------------------------------------------------------------------


def as_text(report: Mapping[str, Any]) -> str:
    """The steps one after the other."""
    lines = [
        f"{shown(report['watcher'])} watches {shown(report['presentity'])}: {report['handling']}",
        *([] if report["server"] == "running" else [OFFLINE, _domains(report)]),
    ]

    def section(title: str, content: Iterable[str], nothing: str = "none") -> None:
        lines.extend(("", f"{title}:", *(f"  {line}" for line in list(content) or [nothing])))

    section("components", (_component(it) for it in report["components"]), "none: nothing is known about him")
    section("composed", report["composed"].splitlines())
    section("rules", (_rule(it) for it in report["rules"]))
    section("taken away", (line for it in report["steps"] for line in _step(it)), "nothing")
    document = report["document"]
    section("document", [] if document is None else document.splitlines(), "none: he is refused")
    subscriptions = (line for it in report["subscriptions"] for line in _subscription(it))
    section("subscriptions", subscriptions)
    return "\n".join(lines)


_DOMAINS_FROM: Final = {
    "settings": "as the settings say",
    "last run": "as the server that ran last",
    "users": "those of the users; --domain says others",
    "default": "the default; --domain says others",
}


def _domains(report: Mapping[str, Any]) -> str:
    return f"Domains served: {', '.join(report['domains'])} ({_DOMAINS_FROM[report['domains_from']]})."


def _component(it: Mapping[str, Any]) -> str:
    age = "age unknown" if it["age"] is None else f"{it['age']:.0f} s old"
    expiry = "does not expire" if it["expires_in"] is None else f"expires in {it['expires_in']:.0f} s"
    return f"{it['kind']} of {it['source']}: {it['tells']}, priority {it['priority']:g}, {age}, {expiry}"


def _rule(it: Mapping[str, Any]) -> str:
    return f"{'+' if it['matched'] else '-'} {it['rule']}: {it['why']}"


def _step(it: Mapping[str, Any]) -> list[str]:
    taken = [f"  - {what}" for what in it["taken"]]
    put = [f"  + {what}" for what in it["put"]]
    return [it["name"], *(taken + put or ["  nothing that was there"])]


def _subscription(it: Mapping[str, Any]) -> list[str]:
    last = it["last_notify"]
    version = "" if it["version"] is None else f", version {it['version']}"
    head = f"{it['state']}, expires in {it['expires_in']:.0f} s, {it['content_type']}{version}"
    agent = f", {it['user_agent']}" if it["user_agent"] else ""
    told = "last NOTIFY: not known"
    if last is not None:
        at = datetime.fromtimestamp(last["at"], UTC).isoformat(timespec="seconds")
        told = f"last NOTIFY: {last['status']} {last['reason']} at {at}"
    through = "" if it["through"] is None else f", through the list {shown(it['through'])}"
    lines = [f"{it['id']}: {head}{agent}{through}", f"  {told}"]
    if it["filter"] is not None:
        lines += ["  filter:", *(f"    {line}" for line in it["filter"].splitlines())]
        document = ["none"] if it["document"] is None else it["document"].splitlines()
        lines += ["  document after it:", *(f"    {line}" for line in document)]
    return lines + _told(it)


_HELD: Final = {
    "trigger": "no trigger of the filter fires for what has changed",
    "window": "changes of the list gather",
    "answer": "the NOTIFY before is not answered yet",
    "unreachable": "the last NOTIFY could not be sent; the next one goes when the watcher shows up",
    "rate": "the rate allows no NOTIFY yet",
    "turn": "very many are being told of the change; the watcher's turn is still to come",
}


def _told(it: Mapping[str, Any]) -> list[str]:
    """What the watcher has, and why that is not what he would be sent."""
    held, told = it["held_back"], it["told"]
    lines = [f"  rates: {it['rates']}"] if it["rates"] else []
    if it["state"] != "active":
        return lines
    if held is not None:
        when = "" if held["seconds"] is None else f", for another {held['seconds']:.1f} s"
        lines.append(f"  held back: {_HELD[held['why']]}{when}")
    if told is None:
        return [*lines, "  told last: not known"]
    if told == it["document"]:
        return [*lines, "  told last: that document"]
    return [*lines, "  told last:", *(f"    {line}" for line in told.splitlines())]
