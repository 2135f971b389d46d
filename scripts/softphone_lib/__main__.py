"""The command line of the softphone."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/softphone",
        description="A small terminal softphone: registers, shows the states of buddies, sends messages.",
        epilog="Commands are typed (or piped in) as lines; `help` lists them. See docs/softphone.md.",
    )
    parser.add_argument("aor", metavar="NAME@DOMAIN", help="who you are")
    parser.add_argument("--server", metavar="HOST[:PORT]", help="the server (default: the domain)")
    parser.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp")
    parser.add_argument("--password", metavar="P", help="asked for when it is not given")
    parser.add_argument(
        "--buddy", metavar="NAME[@DOMAIN]", action="append", default=[], help="somebody to watch"
    )
    parser.add_argument("--expires", metavar="SECONDS", type=int, default=600, help="of the registration")
    parser.add_argument("--log", metavar="FILE", type=Path, help="write pjsip's log with whole messages")
    chosen = parser.parse_args()
    name, at, domain = chosen.aor.removeprefix("sip:").partition("@")
    if not (name and at and domain):
        parser.error(f"{chosen.aor!r} is not of the form NAME@DOMAIN")
    chosen.aor = f"{name}@{domain}"
    chosen.server = server_address(chosen.server, chosen.transport, parser)
    if chosen.password is None:
        if not sys.stdin.isatty():
            parser.error("--password is needed when the input is not a terminal")
        chosen.password = getpass.getpass(f"Password of {chosen.aor}: ")
    return chosen


def server_address(
    text: str | None, transport: str, parser: argparse.ArgumentParser
) -> tuple[str, int] | None:
    """Host and port of HOST[:PORT], [IPv6]:PORT or nothing."""
    if text is None:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, "5061" if transport == "tls" else "5060"
    if not port.isdecimal() or not host:
        parser.error(f"--server {text!r} is not of the form HOST:PORT")
    return host.strip("[]"), int(port)


def main() -> int:
    """Run the softphone; returns the exit status: 0, 1 when the server refused, 2 when it cannot start."""
    chosen = arguments()
    try:
        from softphone_lib.engine import Phone, PhoneError
        from softphone_lib.terminal import main_loop
    except ImportError as error:
        print(f"softphone: {error}: install the extra `softphone` (Python 3.11 or 3.12)", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        phone = Phone(
            chosen.aor,
            chosen.password,
            server=chosen.server,
            transport=chosen.transport,
            expires=chosen.expires,
            log=chosen.log,
        )
        return main_loop(phone, chosen.password, chosen.buddy)
    except PhoneError as error:
        print(f"softphone: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # pjsua2 aborts when its library is taken down with requests unanswered
