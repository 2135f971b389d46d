"""Log lines as an operator and his tools read them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from presence.observe.logs import formatter, keyvalue
from presence.observe.trace import sip_trace

FLOW = SimpleNamespace(transport="UDP", local=("::1", 5060), remote=("192.0.2.1", 5062))


@pytest.fixture
def lines():
    """Formats what is logged; returns the lines of one style."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("test.room", "sip.trace")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.DEBUG)

    def in_style(style: str) -> list[str]:
        return [formatter(style).format(record) for record in records]

    yield in_style
    for logger in loggers:
        logger.removeHandler(handler)
        logger.propagate = True


def test_an_event_is_one_line_of_keys_and_values(lines):
    logging.getLogger("test.room").info("transport.listening", extra={"transport": "UDP", "port": 5060})
    (line,) = lines("keyvalue")
    stamp, level, event, *fields = line.split(" ")
    assert stamp.startswith("timestamp=20")
    assert stamp.endswith("Z")
    assert (level, event) == ("level=info", "event=transport.listening")
    assert set(fields) == {"logger=test.room", "transport=UDP", "port=5060"}


def test_an_event_is_one_json_object(lines):
    logging.getLogger("test.room").warning("odd", extra={"who": "älice", "port": 5060})
    (line,) = lines("json")
    event = json.loads(line)
    assert (event["level"], event["event"], event["who"], event["port"]) == ("warning", "odd", "älice", 5060)


@pytest.mark.parametrize("style", ["keyvalue", "json"])
def test_a_traceback_stays_on_the_line_of_its_event(lines, style):
    try:
        raise ValueError('response="secret"')
    except ValueError:
        logging.getLogger("test.room").exception("timer.failed")
    (line,) = lines(style)
    assert "\n" not in line
    assert "ValueError" in line
    assert "secret" not in line


@pytest.mark.parametrize("style", ["keyvalue", "json"])
def test_a_value_from_outside_cannot_begin_a_line_of_its_own(lines, style):
    logging.getLogger("test.room").info("x", extra={"agent": "a\r\nlevel=info event=forged\x1b[2J"})
    (line,) = lines(style)
    assert not set(line) & set("\r\n\x1b")


def test_a_password_that_somebody_logs_is_masked(lines):
    logging.getLogger("test.room").info("x", extra={"password": "hunter2"})
    assert "hunter2" not in lines("keyvalue")[0]
    assert "password=***" in lines("keyvalue")[0]


def test_values_that_could_be_misread_are_quoted():
    fields = {"a": "x y", "b": 'q"', "c": "", "d": None, "e": True, "f": 1.5, "g": "k=v", "h": "[::1]:5060"}
    assert keyvalue(fields) == r'a="x y" b="q\"" c="" d=null e=true f=1.5 g="k=v" h=[::1]:5060'


# --- traces ------------------------------------------------------------------------------------------


def test_a_traced_message_follows_its_line_with_direction_peer_and_transport(lines):
    sip_trace("in", b"OPTIONS sip:a SIP/2.0\r\nTo: x\x1b\r\n\r\nbody", FLOW)
    head, *message = lines("keyvalue")[0].split("\n")
    for part in (
        "event=sip.received",
        "transport=UDP",
        "peer=192.0.2.1:5062",
        "local=[::1]:5060",
        "bytes=37",
    ):
        assert part in head.split(" ")
    assert message == ["    | OPTIONS sip:a SIP/2.0", "    | To: x\\x1b", "    | ", "    | body"]


def test_a_traced_message_is_a_field_of_the_json_object(lines):
    sip_trace("out", b'SIP/2.0 200 OK\r\nAuthentication-Info: rspauth="1"\r\n\r\n', FLOW)
    event = json.loads(lines("json")[0])
    assert event["event"] == "sip.sent"
    assert event["sip_message"] == 'SIP/2.0 200 OK\r\nAuthentication-Info: rspauth="***"\r\n\r\n'


# --- the process -------------------------------------------------------------------------------------

PROGRAM = """
import logging, sys
from presence.observe.logs import route_twisted, setup_logging
from twisted.logger import Logger
setup_logging(sys.argv[1], "keyvalue")
route_twisted()
logging.getLogger("sip").info("heard")
logging.getLogger("sip").debug("too.much")
logging.getLogger("sip.trace").info("traced")
Logger("x").warn("from twisted")
Logger("x").info("chatter of twisted")
"""


def run(level: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, level], capture_output=True, text=True, check=True)


def test_everything_goes_to_standard_error_twisted_included():
    done = run("info")
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert [keys for line in lines for keys in ("heard", "traced", "from twisted") if keys in line] == [
        "heard", "traced", "from twisted",
    ]  # fmt: skip
    assert len(lines) == 3


def test_a_trace_that_was_asked_for_comes_at_any_level():
    lines = run("error").stderr.splitlines()
    assert len(lines) == 1
    assert "event=traced" in lines[0]
