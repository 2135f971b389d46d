"""Structured logs: one line an event on standard error, as key=value or JSON, from every logger.

Modules log with the standard library: the event's name as the message, its fields in `extra`.  Twisted's own
log is routed in.  Only a traced SIP message (`presence.observe.trace`) takes more lines, indented, when the
format is key=value.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from twisted.logger import STDLibLogObserver, globalLogBeginner

from presence.observe.redact import TRACE_KEY, redact_event
from presence.observe.trace import TRACE_LOGGER

_FIRST_KEYS = ("timestamp", "level", "event")
_PLAIN = frozenset("!#$%&'()*+,-./:;<>?@[]^_`{|}~")


def setup_logging(level: str, style: str, stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (standard error).

    Args:
        level: the least level shown: debug, info, warning or error.
        style: keyvalue or json.
        stream: where lines go.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(style))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # Who asks for a trace gets it, at whatever level the rest is.
    logging.getLogger(TRACE_LOGGER).setLevel(logging.INFO)
    # Alembic tells of every look at the database.
    logging.getLogger("alembic").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    # Twisted tells of every factory that starts; worth reading only by who looks for a fault.
    logging.getLogger("twisted").setLevel("WARNING" if level == "info" else level.upper())


def route_twisted() -> None:
    """Send Twisted's log to the logger `twisted`; once in a process, before the reactor runs."""
    globalLogBeginner.beginLoggingTo([STDLibLogObserver("twisted")], redirectStandardIO=False)


def formatter(style: str) -> logging.Formatter:
    """What turns a record of the standard library into a line."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            add_log_level,
            add_logger_name,
            ExtraAdder(),
            _drop_marks_of_formatters,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            redact_event,
            _render_json if style == "json" else _render_keyvalue,
        ],
    )


def _drop_marks_of_formatters(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Another handler's formatter leaves these on the record; nobody can mean them: `extra` refuses both.
    event.pop("message", None)
    event.pop("asctime", None)
    return event


def _in_order(event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {key: event.pop(key) for key in _FIRST_KEYS if key in event} | dict(event)


def _render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return json.dumps(_in_order(event), default=str, ensure_ascii=False)


def _render_keyvalue(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    block = event.pop(TRACE_KEY, None)
    line = keyvalue(_in_order(event))
    if block is None:
        return line
    return "\n".join([line, *(f"    | {_visible(text)}" for text in str(block).splitlines())])


def keyvalue(fields: Mapping[str, Any]) -> str:
    """`key=value` pairs on one line; a value with blanks, quotes or control characters is a JSON string."""
    return " ".join(f"{key}={_value(value)}" for key, value in fields.items())


def _value(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    if text and all(char.isalnum() or char in _PLAIN for char in text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _visible(text: str) -> str:
    # What came from outside must not steer the operator's terminal.
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in text)
