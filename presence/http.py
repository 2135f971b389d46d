"""The HTTP side: `/healthz`, `/metrics`, `/status`, `/explain`, on a root that others (SOAP) hang more on.

Answers are one line of JSON, faults too; nothing tells which software of which version answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from presence.observe.metrics import CONTENT_TYPE, Metrics
from presence.provisioning.errors import ProvisioningError

JSON = b"application/json"

Health = Mapping[str, str | None]
"""What was checked, and what is wrong with it: None when it works."""


class JsonResource(Resource):
    """Answers GET and HEAD; other methods get 405, what is not below it 404."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def render(self, request: Request) -> bytes:
        """The answer, or 405."""
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"allow", b"GET, HEAD")
            return answer(request, http.NOT_ALLOWED, {"error": "method not allowed"})
        return self.reply(request)

    def reply(self, request: Request) -> bytes:
        """404: a plain branch of the tree."""
        return answer(request, http.NOT_FOUND, {"error": "not found"})

    def getChild(self, path: bytes, request: Request) -> IResource:
        """Whatever was not put here does not exist."""
        return JsonResource()


class Healthz(JsonResource):
    """200 when everything works, 503 and the failing check otherwise."""

    def __init__(self, health: Callable[[], Health]) -> None:
        super().__init__()
        self._health = health

    def reply(self, request: Request) -> bytes:
        """Run the checks."""
        faults = self._health()
        failing = any(fault is not None for fault in faults.values())
        return answer(
            request,
            http.SERVICE_UNAVAILABLE if failing else http.OK,
            {
                "status": "failing" if failing else "ok",
                "checks": {name: fault or "ok" for name, fault in faults.items()},
            },
        )


class StatusPage(JsonResource):
    """The live figures, for `presentity status`."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._status = status

    def reply(self, request: Request) -> bytes:
        """Ask the server."""
        return answer(request, http.OK, self._status())


class ExplainPage(JsonResource):
    """Why a watcher sees what he sees, for `presentity explain`: `?watcher=...&presentity=...`."""

    def __init__(self, explain: Callable[[str, str], Mapping[str, Any]]) -> None:
        super().__init__()
        self._explain = explain

    def reply(self, request: Request) -> bytes:
        """400 for what is no address, 404 for nobody."""
        given = [request.args.get(name, []) for name in (b"watcher", b"presentity")]
        if any(len(values) != 1 for values in given):
            return answer(
                request, http.BAD_REQUEST, {"error": "say watcher=... and presentity=..., once each"}
            )
        watcher, presentity = (values[0].decode("utf-8", "replace") for values in given)
        try:
            explanation = self._explain(watcher, presentity)
        except ProvisioningError as error:
            return answer(request, http.BAD_REQUEST, {"error": str(error)})
        except LookupError as error:
            return answer(request, http.NOT_FOUND, {"error": str(error.args[0])})
        return answer(request, http.OK, explanation)


class MetricsPage(JsonResource):
    """What Prometheus scrapes."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def reply(self, request: Request) -> bytes:
        """Read the figures."""
        request.setHeader(b"content-type", CONTENT_TYPE.encode())
        return self._metrics.text()


class QuietRequest(Request):
    """A request whose answer does not name the software."""

    def render(self, resrc: IResource) -> None:
        """Twisted has written its name into the headers by now."""
        self.responseHeaders.removeHeader(b"server")
        super().render(resrc)  # type: ignore[no-untyped-call]


def answer(request: Request, status: int, body: Mapping[str, Any]) -> bytes:
    """Set up `request` for a JSON answer and return its text."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", JSON)
    request.setHeader(b"cache-control", b"no-store")
    return json.dumps(body).encode() + b"\n"


def make_site(
    health: Callable[[], Health],
    status: Callable[[], Mapping[str, Any]],
    metrics: Metrics,
    reactor: IReactorTime | None = None,
    explain: Callable[[str, str], Mapping[str, Any]] | None = None,
) -> Site:
    """The HTTP side of a server; `site.resource` is the root that takes more children.

    Args:
        health: the checks of `/healthz`.
        status: the figures of `/status`; all of it must fit JSON, and `pid` must be among it.
        metrics: the figures of `/metrics`.
        reactor: whose clock times idle connections; the default one if None.
        explain: what `/explain` answers for a watcher and a presentity, fit for JSON; raises
            ProvisioningError or LookupError.
    """
    root = JsonResource()
    root.putChild(b"healthz", Healthz(health))
    root.putChild(b"status", StatusPage(status))
    root.putChild(b"metrics", MetricsPage(metrics))
    if explain is not None:
        root.putChild(b"explain", ExplainPage(explain))
    site = Site(root, requestFactory=QuietRequest, timeout=60, reactor=reactor)
    site.displayTracebacks = False
    return site
