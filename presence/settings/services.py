"""What client applications use: the SOAP service, and the notifier of changes of configurations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from presence.settings.kinds import Count, Duration, EventName, Group, HttpUrl, Limit, MediaTypeName, setting


class SoapSettings(Group):
    """Section SOAP: the service and the HTTP below it."""

    soap_plain_http: bool = setting(
        False,
        "SOAP",
        "Take SOAP requests by plain HTTP from other computers as well. Off: only from this one, since"
        " passwords travel in them; a proxy here that speaks HTTPS counts as this one.",
    )
    soap_address: HttpUrl | None = setting(
        None,
        "SOAP",
        "URL of the service in its WSDL, for a server behind a proxy. Not set: by which it was fetched.",
    )
    soap_threads: Annotated[int, Field(ge=1, le=12)] = setting(
        4,
        "SOAP",
        "Requests that are worked on at a time; of those that may change something, one less (but one).",
    )
    soap_queue: Annotated[int, Field(ge=0)] = setting(
        64, "SOAP", "Requests that wait for that; more are answered 503 with Retry-After."
    )
    soap_queue_timeout: Duration = setting(
        10.0, "SOAP", "Time that a request waits for that; then it is answered 503 as well.", "seconds"
    )
    soap_lock_timeout: Duration = setting(
        3.0,
        "SOAP",
        "Time that a change by a request waits for others who write to the database; then it is not made, and"
        " the answer is that the database cannot be had.",
        "seconds",
    )
    soap_namespaces: Literal["consistent", "printed"] = setting(
        "consistent",
        "SOAP",
        "Elements of answers that the reference prints without a namespace (in `get-presence-rules-resp`,"
        " `get-acl-resp`, `delete-acl-resp`): in `urn:cisco:epas:soap` like all others, or as printed.",
    )
    soap_max_depth: Annotated[int, Field(ge=16, le=250)] = setting(
        64,
        "SOAP",
        "Deepest nesting of elements in a SOAP request, its envelope included; more is refused (`TooDeep`).",
    )
    http_max_body: Annotated[int, Field(ge=1024)] = setting(
        262_144, "SOAP", "Largest body of an HTTP request; more is refused.", "bytes"
    )
    http_max_connections: Count = setting(
        1000, "SOAP", "Open connections at a time to each listener for HTTP and HTTPS; more are closed."
    )
    http_max_connections_address: Limit = setting(
        200,
        "SOAP",
        "The same for one address (of IPv6: one network of 64 bits), this computer and trusted peers"
        " excepted. 0: no limit but `http_max_connections`.",
    )
    http_request_timeout: Duration = setting(
        15.0,
        "SOAP",
        "Time for an HTTP request to be complete once begun; then the connection is closed.",
        "seconds",
    )


class ChangeNotifierSettings(Group):
    """Section Change notifier: how clients hear of changes of their configuration."""

    uccn_event: EventName = setting(
        "uc-config-change",
        "Change notifier",
        "Name of the event package by which clients hear of changes of their configuration.",
    )
    uccn_content_type: MediaTypeName = setting(
        "application/xml", "Change notifier", "Content-Type of what they are sent."
    )
    uccn_namespace: Literal["consistent", "printed"] = setting(
        "consistent",
        "Change notifier",
        "Namespace of these documents: that of the payloads of the reference, `urn:cisco:epas:uccn`, or that"
        " of its printed schema, `urn:cisco:CUPS:UCCN`.",
    )
