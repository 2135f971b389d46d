"""A request goes in, its answer comes out: everything between HTTP and the operations."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from email.message import Message as Headers
from functools import partial
from typing import Any, Final, NamedTuple

from lxml import etree
from spyne import Application, MethodContext
from spyne.server import ServerBase

from presence.provisioning.errors import ProvisioningError
from soapapi.envelope import DEPTH, BadEnvelope, Envelope, read_envelope
from soapapi.faults import DATABASE, INTERNAL, SoapFault, fault_status, invalid, render_fault
from soapapi.names import EPAS, SOAP11, SOAP12
from soapapi.operation import Call, Operation
from soapapi.operations import SERVICES
from soapapi.protocol import Epas11, Epas12
from soapapi.services import Services

log = logging.getLogger(__name__)

UNAVAILABLE: Final = 503
"""HTTP status where the same request may be answered in a moment."""
CONTENT_TYPES: Final = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}
_VERSIONS: Final = {"text/xml": SOAP11, "application/soap+xml": SOAP12}


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes
    delay: float = 0.0
    """Seconds for which it is to be held back."""


class Asked(NamedTuple):
    """A request that was read."""

    writes: bool
    """Whether it may change something, and thus may have to wait for others who do."""
    answer: Callable[[], Answer]
    """Carries it out; it blocks, and raises nothing."""


def version_of(content_type: str) -> str:
    """The SOAP version that a Content-Type speaks of; 1.2 if of none."""
    return _VERSIONS.get(_content_type(content_type)[0], SOAP12)


def fault_answer(fault: SoapFault, version: str, status: int | None = None) -> Answer:
    """The answer with a fault; `status` if it is to be another than the one that goes with the fault."""
    return Answer(
        status or fault_status(fault, version), CONTENT_TYPES[version], render_fault(fault, version)
    )


class SoapApplication:
    """All operations, in both versions of SOAP.  It may be called from several threads at once."""

    def __init__(
        self,
        services: Services,
        *,
        database_errors: tuple[type[Exception], ...] = (),
        printed_namespaces: bool = False,
        depth: int = DEPTH,
        operations: Sequence[Any] = SERVICES,
    ) -> None:
        """Make one.

        Args:
            services: what the operations call.
            database_errors: what they raise if the database cannot be had.
            printed_namespaces: send what the guide prints in no namespace so (Q38).
            depth: elements that may be within each other in a request.
            operations: the classes with the operations.
        """
        self._services = services
        self._depth = depth
        self._database_errors = database_errors
        self._servers = {
            SOAP11: _Server(
                operations, Epas11(printed=printed_namespaces), Epas11(printed=printed_namespaces)
            ),
            SOAP12: _Server(
                operations, Epas12(printed=printed_namespaces), Epas12(printed=printed_namespaces)
            ),
        }

    @property
    def operations(self) -> frozenset[str]:
        """The names of all operations."""
        return self._servers[SOAP12].operations

    def answer(self, data: bytes, content_type: str, address: str) -> Answer:
        """Read a request and carry it out; arguments as for `read`."""
        return self.read(data, content_type, address).answer()

    def read(self, data: bytes, content_type: str, address: str) -> Asked:
        """Read a request; nothing of it is carried out yet.

        Args:
            data: the body.
            content_type: as its header has it, "" if there is none.
            address: the IP address of the client.
        """
        media, charset = _content_type(content_type)
        try:
            envelope = read_envelope(data, charset, _VERSIONS.get(media, SOAP12), self._depth)
        except BadEnvelope as bad:
            return Asked(False, partial(_refused, bad.fault, bad.version, address))
        known = self._servers[envelope.version].known(envelope.name)
        return Asked(known is not None and known.writes, partial(self._carry_out, envelope, address))

    def _carry_out(self, envelope: Envelope, address: str) -> Answer:
        try:
            return self._answer(envelope, address)
        except SoapFault as refusal:
            return _refused(refusal, envelope.version, address)
        except ProvisioningError as error:
            fault = invalid("Refused")
            log.info("soap.refused", extra={"client": address, "code": fault.code, "why": str(error)})
        except self._database_errors as error:
            fault = SoapFault("Receiver", DATABASE)
            log.error("soap.database", extra={"client": address, "error": str(error)})
            # The same may work in a moment.
            return fault_answer(fault, envelope.version, UNAVAILABLE)
        except Exception:
            fault = SoapFault("Receiver", INTERNAL)
            log.exception("soap.failed", extra={"client": address})
        return fault_answer(fault, envelope.version)

    def _answer(self, envelope: Envelope, address: str) -> Answer:
        server = self._servers[envelope.version]
        ctx = server.context(envelope)
        known: Operation = ctx.descriptor.udd["operation"]
        owner = ""
        if known.session:
            if not envelope.key:
                raise invalid("NoSession")
            owner = self._services.sessions.owner(envelope.key) or ""
            if not owner:
                raise invalid("UnknownSession")
        call = ctx.udc = Call(self._services, address, envelope.key, owner)
        return Answer(200, CONTENT_TYPES[envelope.version], server.run(ctx), call.delay)


class _Application(Application):
    """An application that lets errors pass, which Spyne's own logs and makes faults of its own from."""

    def process_request(self, ctx: Any) -> None:
        """Call the operation."""
        ctx.in_object = [ctx.in_object] if ctx.descriptor.udd["operation"].takes else []
        ctx.out_object = [self.call_wrapper(ctx)]


class _Server(ServerBase):
    """Spyne's side of one version."""

    transport = "http://schemas.xmlsoap.org/soap/http"

    def __init__(self, operations: Sequence[Any], incoming: Any, outgoing: Any) -> None:
        super().__init__(_Application(operations, EPAS, "epas", incoming, outgoing))

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(etree.QName(name).localname for name in self.app.interface.service_method_map)

    def known(self, name: str) -> Operation | None:
        """What is known of an operation; None if there is none of this name."""
        found = self.app.interface.service_method_map.get(f"{{{EPAS}}}{name}")
        operation: Operation | None = found[0].udd["operation"] if found else None
        return operation

    def context(self, envelope: Envelope) -> Any:
        """The context of a call.

        Raises:
            SoapFault: there is no such operation.
        """
        if self.known(envelope.name) is None:
            raise invalid("UnknownOperation")
        initial = MethodContext(self, MethodContext.SERVER)
        initial.in_document = envelope
        (ctx,) = self.generate_contexts(initial)
        return ctx

    def run(self, ctx: Any) -> bytes:
        """Read the request, call the operation, write the answer."""
        self.get_in_object(ctx)
        self.get_out_object(ctx)
        self.get_out_string(ctx)
        return b"".join(ctx.out_string)


def _refused(fault: SoapFault, version: str, address: str) -> Answer:
    log.info("soap.refused", extra={"client": address, "code": fault.code, "why": fault.subcode})
    return fault_answer(fault, version)


def _content_type(header: str) -> tuple[str, str | None]:
    parsed = Headers()
    parsed["content-type"] = header
    return parsed.get_content_type(), parsed.get_content_charset()
