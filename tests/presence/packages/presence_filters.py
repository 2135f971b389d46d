"""Filters of watchers for the package `presence`."""

from __future__ import annotations

BASIC_ALONE = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what></filter></filter-set>"""
WHEN_OPEN = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><trigger><changed to="open">/presence/tuple/status/basic</changed></trigger></filter>
</filter-set>"""
WHEN_CLOSED = WHEN_OPEN.replace(b'to="open"', b'to="closed"')
WHEN_NOTED = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what>
<trigger><changed>/presence/tuple/note</changed></trigger></filter></filter-set>"""
OFF = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1" remove="true"/></filter-set>"""
