"""login and logout (SPEC R58 to R60)."""

from __future__ import annotations

import logging

from presence.provisioning.sessions import LoggedIn
from soapapi.messages import Attribute, Empty, Message, Text, boolean
from soapapi.operation import Call, Service, operation

log = logging.getLogger(__name__)


class Login(Message):
    """Who wants a session."""

    force = Attribute
    username = Text
    password = Text


class LoginSuccess(Message):
    """The key, told once."""

    session_key = Text


class LoginFailure(Message):
    """One of the two printed texts."""

    reason = Text


class LoginResponse(Message):
    """One of the two."""

    success = LoginSuccess
    failure = LoginFailure


class Logout(Message):
    """What is to be withdrawn besides."""

    tuple_id = Attribute


class LogoutResponse(Message):
    """Nothing."""

    success = Empty


class Session(Service):
    """Sessions of client applications."""

    @operation("login", Login, LoginResponse, session=False)
    def login(call: Call, request: Login) -> LoginResponse:
        """Open a session (Q26, Q28)."""
        force = boolean(request.force, default=False)
        outcome = call.services.sessions.login(
            request.username or "", request.password or "", force, call.address
        )
        if isinstance(outcome, LoggedIn):
            log.info("soap.login", extra={"client": call.address, "owner": outcome.owner, "force": force})
            return LoginResponse(success=LoginSuccess(session_key=outcome.key))
        call.delay = outcome.delay
        if not outcome.limited:
            # Whoever goes on trying must not fill the log: that is told now and then (`limit.reached`).
            log.info(
                "soap.login-refused",
                extra={"client": call.address, "owner": outcome.owner, "why": outcome.reason},
            )
        return LoginResponse(failure=LoginFailure(reason=outcome.reason))

    @operation("logout", Logout, LogoutResponse)
    def logout(call: Call, request: Logout) -> LogoutResponse:
        """End the session, and withdraw a tuple with it (Q27)."""
        call.services.sessions.logout(call.key)
        log.info("soap.logout", extra={"client": call.address, "owner": call.owner})
        if request.tuple_id:
            try:
                call.services.withdraw(call.owner, request.tuple_id)
            except TimeoutError:
                # It has been asked for and will happen; the session is over either way.
                log.warning("soap.withdrawal-late", extra={"owner": call.owner, "tuple": request.tuple_id})
        return LogoutResponse(success=Empty())
