"""The WSDL: kept by hand in `epas.wsdl`, with the address of the service put in."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final
from xml.sax.saxutils import escape

PATH: Final = "/EPASSoap/service"
_PLACE: Final = "@ADDRESS@"
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def render_wsdl(address: str) -> bytes:
    """The WSDL of the service at a URL."""
    return _template().replace(_PLACE, escape(address, {'"': "&quot;"})).encode()


def service_address(host: str, *, secure: bool, port: int) -> str:
    """The URL of the service as its client calls it.

    Args:
        host: the Host header; anything that is no host and port counts as not given.
        secure: whether it was called by HTTPS.
        port: at which it was called.
    """
    if not _HOST.fullmatch(host):
        host = f"localhost:{port}"
    return f"{'https' if secure else 'http'}://{host}{PATH}"


@cache
def _template() -> str:
    return files("soapapi").joinpath("epas.wsdl").read_text("utf-8")
