"""How an operation is written: a function of a call and a request that gives the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from spyne import Service, rpc

from soapapi.services import Services

__all__ = ["Call", "Operation", "Service", "operation"]


@dataclass(slots=True)
class Call:
    """Who calls.

    Attributes:
        services: what the operation may use.
        address: the IP address of the client.
        key: the session key, "" if none was given.
        owner: the AOR of the user whose session it is; "" in operations that need none.
        delay: seconds for which the answer is to be held back; an operation may set it.
    """

    services: Services
    address: str
    key: str
    owner: str
    delay: float = 0.0


class Operation(NamedTuple):
    """What is known of an operation beside its function.

    Attributes:
        name: on the wire.
        session: whether it needs a session.
        takes: whether its function gets a request.
    """

    name: str
    session: bool
    takes: bool

    @property
    def writes(self) -> bool:
        """Whether it may change something: all but those whose names say that they fetch."""
        return not self.name.startswith("get-")


def operation(
    name: str, request: Any = None, response: Any = None, *, session: bool = True
) -> Callable[[Callable[..., Any]], Any]:
    """Make a function an operation of the `Service` class that it stands in.

    The function is called with a `Call` and, unless `request` is None, the request; it returns the answer.
    It runs in a thread.  It may raise SoapFault; ProvisioningError becomes the fault "Invalid request.".

    Args:
        name: of the element in the body; that of the answer has "-resp" behind it.
        request: the Message class of the request; None for one with nothing in it.
        response: the Message class of the answer.
        session: whether it needs a session, as all but login do.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        def run(ctx: Any, *arguments: Any) -> Any:
            return function(ctx.udc, *arguments)

        run.__name__ = function.__name__
        run.__doc__ = function.__doc__
        expected = () if request is None else (request,)
        return rpc(
            *expected,
            _returns=response,
            _args=() if request is None else ("request",),
            _body_style="bare",
            _in_message_name=name,
            _out_message_name=f"{name}-resp",
            _udd={"operation": Operation(name, session, request is not None)},
        )(run)

    return decorate
