"""Ways around a password: each is tried against the whole server, and gets what docs/security.md says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sip.message import Response
from tests.access.table import Cell, check_complete, parametrised
from tests.access.world import ALIAS, BOB, CAROL, ROLES, Role, World, shown
from tests.presence.house import ALICE, DOMAIN, PASSWORD, TRUSTED
from tests.sip.auth.clients import credentials, nonce_of

SECTION = "Proofs that do not count"
COLUMNS = ("what it gets",)

ATTACKER = Role("203.0.113.66", ALICE)
"""Says that he is alice; what he knows of her says each row."""
REGISTER = ("REGISTER", f"sip:{DOMAIN}", ALICE, "Contact: <sip:alice@203.0.113.66>")

Attempt = Callable[[], str]


class Attack:
    """A server, and an attacker who was challenged and answers."""

    def __init__(self, *request: str, says: str = ALICE, **settings: Any) -> None:
        self.world = World(**settings)
        self.words = request or REGISTER
        self.says = says
        self.role = Role(ATTACKER.host, says)

    def text(self, *headers: str) -> str:
        """The request, new."""
        return self.world.request(self.role, *self.words, *headers, says=self.says)

    def challenge(self) -> Response:
        answer = self.world.outcome(self.role, self.text(), b"hello")
        assert isinstance(answer, Response)
        assert answer.status in (401, 407)
        return answer

    def nonce(self) -> str:
        answer = self.challenge()
        return nonce_of(answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate") or "")

    def proof(self, nonce: str = "", **changes: Any) -> str:
        """Credentials that are right but for `changes`."""
        right: dict[str, Any] = {
            "username": "alice",
            "password": PASSWORD,
            "realm": DOMAIN,
            "method": self.words[0],
            "uri": self.words[1],
        }
        return credentials(nonce or self.nonce(), **right | changes)

    def send(self, *proofs: str) -> str:
        """What becomes of the request with these credentials."""
        return shown(
            self.world.outcome(self.role, self.text(*(f"Authorization: {it}" for it in proofs)), b"hello")
        )


def plain(**changes: Any) -> Attempt:
    """One answer to a challenge."""
    settings = changes.pop("settings", {})

    def attempt() -> str:
        attack = Attack(**settings)
        return attack.send(attack.proof(**changes))

    return attempt


def edited(old: str, new: str) -> Attempt:
    """A right answer of which something is another."""

    def attempt() -> str:
        attack = Attack()
        proof = attack.proof()
        assert old in proof
        return attack.send(proof.replace(old, new))

    return attempt


def twice(**changes: Any) -> Attempt:
    """The same credentials in two requests."""

    def attempt() -> str:
        attack = Attack()
        proof = attack.proof(**changes)
        assert attack.send(proof) == "200"
        return attack.send(proof)

    return attempt


def without_count_after_one_with() -> str:
    attack = Attack()
    nonce = attack.nonce()
    assert attack.send(attack.proof(nonce)) == "200"
    return attack.send(attack.proof(nonce, qop=None))


def after(seconds: float, **changes: Any) -> Attempt:
    def attempt() -> str:
        attack = Attack()
        proof = attack.proof(**changes)
        attack.world.house.after(seconds)
        return attack.send(proof)

    return attempt


def restarted(*, machine: bool) -> Attempt:
    """A request is recorded, the server starts again, and the request comes once more."""

    def attempt() -> str:
        attack = Attack()
        house = attack.world.house
        house.after(1000)
        proof = attack.proof()
        assert attack.send(proof) == "200"
        if machine:
            # The clock counts from zero again, and comes to the same second.
            house.parts = house._build(0.0)
            house.after(1000)
        else:
            house.restart()
        return attack.send(proof)

    return attempt


def of_another_server() -> str:
    """With the same users, passwords and even the same secret."""
    attack, other = Attack(), Attack()
    other.world.house.parts = other.world.house._build(0.0)
    return attack.send(attack.proof(other.nonce()))


def for_another_method() -> str:
    attack = Attack("PUBLISH", ALICE, ALICE, "Event: presence")
    return attack.send(attack.proof(method="REGISTER", uri=f"sip:{DOMAIN}"))


def for_another_recipient(*, named: bool) -> Attempt:
    """Alice wrote to bob; her proof is to take a message to carol.  `named`: as the proof says it."""

    def attempt() -> str:
        attack = Attack("MESSAGE", CAROL, CAROL, "Content-Type: text/plain")
        proof = attack.proof(uri=BOB)
        return attack.send(proof.replace(BOB, CAROL) if named else proof)

    return attempt


def of_bob(*request: str, says: str = ALICE) -> Attempt:
    def attempt() -> str:
        attack = Attack(*request, says=says)
        return attack.send(attack.proof(username="bob"))

    return attempt


def several(*users: str) -> Attempt:
    """Credentials in several header fields; those of alice have a wrong password."""

    def attempt() -> str:
        attack = Attack()
        proofs = [
            attack.proof(username=user, password="guessed" if user == "alice" else PASSWORD) for user in users
        ]
        return attack.send(*proofs)

    return attempt


def another_scheme(value: str) -> Attempt:
    return lambda: Attack().send(value)


def claims_an_address(*headers: str, via: str = TRUSTED) -> Attempt:
    """From alice, with nothing but the word that it comes from the trusted peer."""

    def attempt() -> str:
        world = World()
        text = world.request(ATTACKER, *REGISTER, *headers)
        lines = [
            f"Via: SIP/2.0/UDP {via};branch=z9hG4bKclaims;received={TRUSTED}" if it.startswith("Via:") else it
            for it in text.splitlines()
        ]
        # Where the answer goes is not where it came from: what counts is that nothing was registered.
        outcome = world.outcome(ATTACKER, "\n".join(lines))
        assert len(world.house.parts.registrar.bindings(ALICE)) == 1
        found = [it for flow in world.house.network.flows.values() for it in flow.messages]
        answers = [it for it in found if isinstance(it, Response) and it.call_id in text]
        return shown(answers[-1] if answers else outcome)

    return attempt


SHA = {"digest_algorithms": ("SHA-256",)}

ATTEMPTS: Mapping[str, Attempt] = {
    "nothing amiss: the right answer to a challenge": plain(),
    "nothing amiss: the user name with its domain": plain(username=f"alice@{DOMAIN}"),
    "a wrong password": plain(password="guessed"),
    "the same nonce count again": twice(),
    "a response without qop again": twice(qop=None),
    "a response without qop to a nonce that was used with one": without_count_after_one_with,
    "a recorded request, after a restart of the server": restarted(machine=False),
    "a recorded request, after a restart of the machine, at the same uptime": restarted(machine=True),
    "a nonce that is over": after(301),
    "a nonce that is over for responses without qop": after(61, qop=None),
    "a nonce of another server": of_another_server,
    "a nonce made up": lambda: Attack().send(Attack().proof("AAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
    "credentials of another method": for_another_method,
    "credentials of another Request-URI": for_another_recipient(named=False),
    "credentials of another Request-URI, their `uri` changed to fit": for_another_recipient(named=True),
    "MD5 where SHA-256 alone is offered": plain(settings=SHA),
    "no algorithm (MD5) where SHA-256 alone is offered": plain(algorithm=None, settings=SHA),
    "MD5 that calls itself SHA-256": plain(named="SHA-256", settings=SHA),
    "SHA-256 where MD5 alone is offered": plain(algorithm="SHA-256"),
    "SHA-512-256, which is not offered": plain(algorithm="SHA-512-256"),
    "MD5-sess": plain(named="MD5-sess"),
    "an algorithm that nobody knows": plain(named="ROT13"),
    "qop=auth-int": plain(qop="auth-int"),
    "an empty qop": edited("qop=auth", 'qop=""'),
    "no cnonce": edited(', cnonce="0a4f113b"', ""),
    "an empty cnonce": plain(cnonce=""),
    "no nonce count": edited(", nc=00000001", ""),
    "a nonce count that is none": plain(nc="-1"),
    "no response": edited("response=", "answer="),
    "an empty response": lambda: (attack := Attack()).send(
        attack.proof().split("response=")[0] + 'response=""'
    ),
    "the realm of another": plain(realm="elsewhere.example"),
    "the realm in capitals": plain(realm=DOMAIN.upper()),
    "the user name in capitals": plain(username="ALICE"),
    "the user name with its domain in capitals": plain(username=f"alice@{DOMAIN.upper()}"),
    "the user name with another domain": plain(username="alice@elsewhere.example"),
    "the user name as a URI": plain(username=ALICE),
    "the user name is an alias": plain(username=ALIAS.removeprefix("sip:").partition("@")[0]),
    "the user name is empty": plain(username=""),
    "SQL in the user name": plain(username="alice' OR '1'='1"),
    "a wildcard in the user name": plain(username="al%"),
    "NUL in the user name": plain(username="alice\0"),
    "two user names in one": edited('username="alice"', 'username="bob", username="alice"'),
    "bob's credentials for alice's contacts": of_bob(),
    "bob's credentials for alice's contacts, in the name of bob": of_bob(says=BOB),
    "bob's credentials, From alice": of_bob("MESSAGE", CAROL, CAROL, "Content-Type: text/plain"),
    "bob's credentials, From an alias of alice": of_bob(
        "MESSAGE", CAROL, CAROL, "Content-Type: text/plain", says=ALIAS
    ),
    "alice's credentials with a wrong password, then bob's": several("alice", "bob"),
    "bob's credentials, then alice's with a wrong password": several("bob", "alice"),
    "nine credentials": several(*["alice"] * 9),
    "Basic, with the right password": another_scheme("Basic YWxpY2U6c2VjcmV0"),
    "Bearer": another_scheme("Bearer eyJhbGciOiJub25lIn0.e30."),
    "a Via that names a trusted peer": claims_an_address(),
    "a Via that names a trusted peer, with P-Asserted-Identity": claims_an_address(
        f"P-Asserted-Identity: <{ALICE}>"
    ),
    "a Via that names this server": claims_an_address(via="127.0.0.1:5160"),
    "a Route through a trusted peer": claims_an_address(f"Record-Route: <sip:{TRUSTED};lr>"),
}


@parametrised(SECTION, COLUMNS)
def test_every_way_around_a_password_gets_what_the_table_says(cell: Cell) -> None:
    assert ATTEMPTS[cell.request]() == cell.outcome


def test_the_table_has_a_row_for_each_way_that_is_tried() -> None:
    check_complete(SECTION, ATTEMPTS, COLUMNS)


def test_what_a_stranger_learns_is_the_same_whether_the_user_exists() -> None:
    def told(user: str) -> str:
        aor = f"sip:{user}@{DOMAIN}"
        attack = Attack("REGISTER", f"sip:{DOMAIN}", aor, says=aor)
        proof = attack.proof(username=user, password="guessed")
        answer = attack.world.outcome(attack.role, attack.text(f"Authorization: {proof}"))
        assert isinstance(answer, Response)
        fresh = nonce_of(answer.get("WWW-Authenticate") or "")
        return answer.render().decode().replace(fresh, "NONCE").replace(user, "USER")

    assert "401 Wrong user name or password" in told("alice")
    assert told("alice") == told("nobody")


def test_the_owner_is_let_in_in_all_these_worlds() -> None:
    """The rows above fail for what they say and for nothing else."""
    attack = Attack(**SHA)
    assert attack.send(attack.proof(algorithm="SHA-256")) == "200"
    message = Attack("MESSAGE", CAROL, CAROL, "Content-Type: text/plain")
    assert message.send(message.proof()) == "202"
    assert World().ask(ROLES["the owner"], *REGISTER) == "200"
