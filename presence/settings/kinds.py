"""Types of settings, with the limits that a value has by itself, and how a setting is described."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainValidator
from pydantic_settings import NoDecode

from presence.lists.naming import group_list_pattern, list_pattern
from presence.settings import values

HostPort = Annotated[values.HostPort, PlainValidator(values.host_port)]
LISTED = (NoDecode, BeforeValidator(values.split_list))
"""Further parts of the type of a list, which may also be text with commas."""
Domain = Annotated[str, AfterValidator(values.host)]
Listener = Annotated[str, AfterValidator(values.listener)]
Network = Annotated[values.Network, PlainValidator(values.network)]
Route = Annotated[str, AfterValidator(values.route)]
SourcePriority = Annotated[values.SourcePriority, PlainValidator(values.source_priority)]
DatabaseUrl = Annotated[str, AfterValidator(values.database_url)]
ListPattern = Annotated[str, AfterValidator(list_pattern)]
GroupListPattern = Annotated[str, AfterValidator(group_list_pattern)]

PublisherAddress = Annotated[str, AfterValidator(values.identity)]
EventName = Annotated[str, AfterValidator(values.event_name)]
HttpUrl = Annotated[str, AfterValidator(values.http_url)]
MediaTypeName = Annotated[str, AfterValidator(values.media_type)]

Seconds = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
Duration = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, Field(ge=0)]
"""A number of things that may be, 0 for any."""
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Handling = Literal["allow", "confirm", "polite-block", "block"]
DigestAlgorithm = Literal["MD5", "SHA-256"]


class Group(BaseModel, defer_build=True):
    """Settings that belong together, as a part of `presence.settings.model.Settings`; of no use alone."""


def setting(default: object, section: str, description: str, unit: str = "", **more: Any) -> Any:
    """A field of a group: which section of the configuration it is in, and what is said of it there."""
    return Field(
        default, description=description, json_schema_extra={"section": section, "unit": unit}, **more
    )
