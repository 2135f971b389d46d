"""Random orders of well-formed requests, answered by the whole server and by a model of what the RFCs say.

In process and by a clock of its own: `tests.fuzz.expected` says what each answer has to be, and what bindings
and documents and NOTIFYs there are after each step.
"""

from __future__ import annotations

import itertools
import re
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from sip.message import Request, Response, parse
from tests.fuzz.expected import LINGERS, Expected, Subscribed
from tests.presence.house import TRUSTED, House
from tests.sip.flows import wire

USERS = ("alice", "bob")
WATCHERS = ("carol", "dave")
CONTACTS = ("sip:a@192.0.2.7:5070", "sip:b@192.0.2.7:5071;transport=udp", "sip:c@192.0.2.8")
CALLS = ("one", "two")
NOTE = re.compile(rb"<note[^>]*>(n[0-9]+)</note>")
GONE = "gone"
"""A tag of no dialog."""

users = st.sampled_from(USERS)
lifetimes = st.sampled_from((None, None, 0, 1, 59, 60, 61, 600, 600, 3600))
calls = st.sampled_from(CALLS)
steps = st.sampled_from((1, 1, 1, 2, 0, -1))


class Conversation(RuleBasedStateMachine):
    """Everybody talks through one trusted peer, which answers each NOTIFY with 200."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(USERS + WATCHERS)
        self.expected = Expected()
        self.numbers = itertools.count(1)
        self.cseqs: dict[str, int] = {}
        self.etags: dict[str, list[str]] = {user: [] for user in USERS}
        self.tags: list[str] = []
        self.recent: list[tuple[float, bytes, bytes]] = []
        self.ending: dict[str, Subscribed] = {}
        self.dialogs: dict[str, str] = {}
        """The To value with which a dialog is spoken in, by its Call-ID."""

    @property
    def now(self) -> float:
        """The present."""
        return self.house.parts.timers.now

    # -- talking -------------------------------------------------------------------------------------------

    def ask(self, lines: str, body: bytes = b"") -> Response:
        """Put a request in; its one answer, once all NOTIFYs are answered."""
        data = wire(lines, body)
        self.house.receive(data)
        answers = self.hear()
        assert len(answers) == 1, [it.start_line for it in map(parse, answers)]
        self.recent.append((self.now, data, answers[0]))
        answer = parse(answers[0])
        assert isinstance(answer, Response)
        return answer

    def hear(self) -> list[bytes]:
        """What the server has sent: NOTIFYs are looked at and answered, the answers come back."""
        answers: list[bytes] = []
        sent = self.house.peer.sent
        while sent:
            data = sent.pop(0)
            message = parse(data)
            if isinstance(message, Response):
                answers.append(data)
                continue
            assert message.method == "NOTIFY", message.start_line
            self.notified(message)
            self.house.receive(Response.answering(message, 200).render())
        return answers

    def head(self, method: str, uri: str, sender: str, to: str, call_id: str, cseq: int, tag: str) -> str:
        """The lines that every request has."""
        number = next(self.numbers)
        return f"""{method} {uri} SIP/2.0
            Via: SIP/2.0/UDP {TRUSTED}:5060;branch=z9hG4bKb{number}
            Max-Forwards: 70
            From: <sip:{sender}@sip.test>;tag={tag}
            To: {to}
            Call-ID: {call_id}
            CSeq: {cseq} {method}"""

    def next_cseq(self, call_id: str, step: int) -> int:
        """The number after the highest of a Call-ID, or one that was there."""
        found = max(1, self.cseqs.get(call_id, 10) + step)
        self.cseqs[call_id] = max(found, self.cseqs.get(call_id, 10))
        return found

    # -- REGISTER ------------------------------------------------------------------------------------------

    @rule(
        user=users,
        contacts=st.dictionaries(st.sampled_from(CONTACTS), lifetimes, max_size=3),
        expires=lifetimes,
        call=calls,
        step=steps,
    )
    def register(
        self, user: str, contacts: dict[str, int | None], expires: int | None, call: str, step: int
    ) -> None:
        """Add, refresh, remove or ask for bindings."""
        values = [f"<{it}>" + ("" if own is None else f";expires={own}") for it, own in contacts.items()]
        self.register_with(user, ", ".join(values), expires, call, step, contacts=contacts)

    @rule(user=users, expires=st.sampled_from((0, 0, None, 60)), others=st.booleans(), call=calls, step=steps)
    def clear(self, user: str, expires: int | None, others: bool, call: str, step: int) -> None:
        """Remove all bindings."""
        self.register_with(user, f"*, <{CONTACTS[0]}>" if others else "*", expires, call, step, others=others)

    def register_with(
        self,
        user: str,
        value: str,
        expires: int | None,
        call: str,
        step: int,
        *,
        contacts: dict[str, int | None] | None = None,
        others: bool = False,
    ) -> None:
        """A REGISTER with this Contact header field."""
        call_id = f"register-{user}-{call}"
        cseq = self.next_cseq(call_id, step)
        lines = self.head("REGISTER", "sip:sip.test", user, f"<sip:{user}@sip.test>", call_id, cseq, call)
        if value:
            lines += f"\nContact: {value}"
        if expires is not None:
            lines += f"\nExpires: {expires}"
        aor = f"sip:{user}@sip.test"
        if others:
            # Malformed (§20.10), which is looked at before anything else.
            status = 400
        elif self.expected.merged(call, call_id, cseq, "REGISTER", self.now):
            status = 482
        elif contacts is None:
            status = self.expected.clear(aor, expires, call_id, cseq)
        else:
            status = self.expected.register(aor, contacts, expires, call_id, cseq, self.now)
        answer = self.ask(lines)
        assert answer.status == status, (answer.start_line, status)
        if status == 423:
            assert answer.get("Min-Expires") == "60"
        if status == 200:
            bound = {it.uri_text: it.expires for it in answer.contacts}
            held = self.expected.bindings[aor]
            assert bound == {it: max(1, round(bound.ends - self.now)) for it, bound in held.items()}

    # -- PUBLISH -------------------------------------------------------------------------------------------

    @rule(
        user=users,
        which=st.sampled_from((None, None, 0, 0, 0, 1, 1, 2, 3)),
        foreign=st.sampled_from((False, False, False, False, True)),
        body=st.booleans(),
        expires=lifetimes,
    )
    def publish_any(
        self, user: str, which: int | None, foreign: bool, body: bool, expires: int | None
    ) -> None:
        """Publish, refresh, modify or remove."""
        self.publish(user, which, foreign, body, expires)

    def publish(self, user: str, which: int | None, foreign: bool, body: bool, expires: int | None) -> None:
        """A PUBLISH with `which` entity-tag, from the newest back, dead or `foreign` ones too."""
        etag = None
        if which is not None:
            held = self.etags[USERS[USERS.index(user) - 1] if foreign else user]
            etag = held[-1 - which] if which < len(held) else "never"
        note = f"n{next(self.numbers)}" if body else None
        call_id = f"publish{next(self.numbers)}"
        aor = f"sip:{user}@sip.test"
        lines = self.head("PUBLISH", aor, user, f"<{aor}>", call_id, 1, "p")
        lines += "\nEvent: presence"
        if etag is not None:
            lines += f"\nSIP-If-Match: {etag}"
        if expires is not None:
            lines += f"\nExpires: {expires}"
        data = b""
        if note is not None:
            lines += "\nContent-Type: application/pidf+xml"
            data = (
                f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{aor}"><tuple id="t{note}"><status>'
                f"<basic>open</basic></status><note>{note}</note></tuple></presence>"
            ).encode()
        status = self.expected.publish(aor, etag, note, expires)
        answer = self.ask(lines, data)
        assert answer.status == status, (answer.start_line, status)
        if status == 423:
            assert answer.get("Min-Expires") == "60"
        if status == 200:
            new = answer.get("SIP-ETag") or ""
            assert new not in ("", *itertools.chain(*self.etags.values()))
            assert answer.expires == (3600 if expires is None else expires)
            self.etags[user].append(new)
            self.expected.published(aor, etag, note, expires, new, self.now)
        self.look()

    @rule(user=users, which=st.sampled_from((0, 0, 1)), body=st.booleans())
    def publish_again(self, user: str, which: int, body: bool) -> None:
        """As phones do: a refresh or a modification, now and then by the tag from before."""
        self.publish(user, which, False, body, 600)

    # -- SUBSCRIBE -----------------------------------------------------------------------------------------

    @rule(user=st.sampled_from((*USERS, "nobody")), watcher=st.sampled_from(WATCHERS), expires=lifetimes)
    def subscribe(self, user: str, watcher: str, expires: int | None) -> None:
        """Begin a subscription, or fetch."""
        aor, call_id = f"sip:{user}@sip.test", f"subscribe{next(self.numbers)}"
        lines = self.head("SUBSCRIBE", aor, watcher, f"<{aor}>", call_id, 1, watcher)
        status = self.expected.subscribe(user in USERS, expires)
        seconds = 3600 if expires is None else expires
        # The NOTIFY may come before the answer is read: by its Call-ID it is known whose it is.
        subscribed = Subscribed(aor, watcher, call_id, 1, self.now + seconds, target="")
        if status == 200:
            (self.expected.subscriptions if seconds else self.ending)[call_id] = subscribed
        answer = self.ask(f"{lines}\n{self.rest(watcher, expires)}")
        assert answer.status == status, (answer.start_line, status)
        if status == 423:
            assert answer.get("Min-Expires") == "60"
        if status != 200:
            return
        assert answer.expires == seconds
        assert subscribed.told == self.expected.notes(aor)
        (contact,) = answer.contacts
        subscribed.target = contact.uri_text
        self.tags.append(call_id)
        self.cseqs[call_id] = 1
        self.dialogs[call_id] = answer.get("To") or ""
        assert call_id not in self.ending, "a fetch was not answered with a last NOTIFY"
        self.look()

    @precondition(lambda self: self.tags)
    @rule(
        which=st.integers(0, 4),
        expires=lifetimes,
        step=steps,
        wrong=st.sampled_from((False, False, False, True)),
    )
    def refresh(self, which: int, expires: int | None, step: int, wrong: bool) -> None:
        """Refresh or end a subscription, perhaps one that is over; `wrong`: with a tag that nobody gave."""
        call_id = self.tags[which % len(self.tags)]
        live = self.expected.subscriptions.get(call_id)
        watcher = live.watcher if live else WATCHERS[0]
        to = self.dialogs[call_id]
        if wrong:
            to = f"{to.partition(';tag=')[0]};tag={GONE}"
        cseq = self.next_cseq(call_id, step)
        target = live.target if live else "sip:127.0.0.1:5160"
        lines = self.head("SUBSCRIBE", target, watcher, to, call_id, cseq, watcher)
        status = self.expected.refresh(GONE if wrong else call_id, cseq, expires)
        seconds = 3600 if expires is None else expires
        before = live.notified if live else 0
        if status == 200 and live:
            live.cseq, live.ends = cseq, self.now + seconds
            if not seconds:
                self.ending[call_id] = self.expected.subscriptions.pop(call_id)
        answer = self.ask(f"{lines}\n{self.rest(watcher, expires)}")
        assert answer.status == status, (answer.start_line, status)
        if status == 200 and live:
            assert answer.expires == seconds
            assert live.notified > before, "no NOTIFY"
            assert live.told == self.expected.notes(live.aor)
            assert call_id not in self.ending, "no last NOTIFY"
        elif live:
            assert live.notified == before, "a NOTIFY for a refused refresh"

    def rest(self, watcher: str, expires: int | None) -> str:
        """The lines that only a SUBSCRIBE has."""
        lines = f"Event: presence\nContact: <sip:{watcher}@{TRUSTED}:5060>"
        return lines if expires is None else f"{lines}\nExpires: {expires}"

    def notified(self, notify: Request) -> None:
        """A NOTIFY: of a subscription that is there, with the next number, and its state as it is."""
        call_id, number = notify.call_id, notify.cseq.number
        live = self.expected.subscriptions.get(call_id)
        held = live or self.ending.get(call_id)
        assert held is not None, f"a NOTIFY in no dialog: {call_id}"
        if held.restarted:
            assert number > held.notified
        else:
            assert number == held.notified + 1
        held.notified, held.restarted = number, False
        if notify.body:
            held.told = frozenset(it.decode() for it in NOTE.findall(notify.body))
        state = notify.get("Subscription-State") or ""
        if live is None:
            assert state == "terminated;reason=timeout"
            del self.ending[call_id]
        else:
            assert state == f"active;expires={round(live.ends - self.now)}"

    # -- what is said again, time, and another start -------------------------------------------------------

    @precondition(lambda self: self.recent)
    @rule(which=st.integers(0, 5))
    def say_again(self, which: int) -> None:
        """A retransmission gets the same answer, and nothing else happens."""
        when, data, answer = self.recent[-1 - which % len(self.recent)]
        if self.now >= when + LINGERS:
            return
        before = {it: held.notified for it, held in self.expected.subscriptions.items()}
        self.house.receive(data)
        assert self.hear() == [answer]
        assert before == {it: held.notified for it, held in self.expected.subscriptions.items()}

    @rule(seconds=st.sampled_from((1, 20, 33, 59.5, 61, 400, 3601)))
    def wait(self, seconds: float) -> None:
        """Time goes by, and with it what has an end."""
        for call_id in self.expected.pass_to(self.now + seconds):
            self.ending[call_id] = self.expected.subscriptions.pop(call_id)
        self.house.after(seconds)
        assert self.hear() == []
        assert self.ending == {}, "what was over had no last NOTIFY"
        self.look()

    @rule()
    def restart(self) -> None:
        """The process ends without a word; another one goes on with what was stored."""
        self.house.restart()
        self.recent.clear()
        self.expected.seen.clear()
        for held in self.expected.subscriptions.values():
            held.restarted = True
        assert self.hear() == []

    def look(self) -> None:
        """Each watcher was told what is published now."""
        for call_id, held in self.expected.subscriptions.items():
            assert held.told == self.expected.notes(held.aor), call_id


BRIEFLY = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=(Phase.generate,),
)
"""A few seconds, also where something is found: it is shown as it is, not as short as it could be."""


LONGER = settings(BRIEFLY, derandomize=False, stateful_step_count=60, phases=(Phase.generate, Phase.shrink))


def search(seconds: float, number: int) -> int:
    """Other orders of requests for so long; 1 if one is answered otherwise than expected, which is shown."""
    end = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < end:
        machine = seed(number + tried)(type("Conversation", (Conversation,), {}))
        try:
            run_state_machine_as_test(machine, settings=LONGER)
        except AssertionError as error:
            print(f"FOUND model: {error}")
            print("\n".join(getattr(error, "__notes__", [])))
            print(f"      scripts/fuzz --target model --seed {number + tried}")
            return 1
        tried += 1
        print(f"model: {tried * BRIEFLY.max_examples} orders of up to 60 requests", flush=True)
    return 0
