"""The filters of one subscription: read, changed by a refresh, and applied (RFC 4660 §5).

A `WatcherFilter` never changes: a refused update leaves what was there.  Several filters are there for lists:
each is for one resource, for one domain, or for whatever was subscribed to.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from lxml import etree

from presence.documents import simple_filter
from presence.documents.simple_filter import CONTENT_TYPE, read_filter_set, refusal, write_filter_set
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits, read_xml
from presence.filters import content, triggers
from presence.filters.content import Content, Namespace, Selector, keep_content
from presence.filters.expression import ExpressionError, Path, render, size
from presence.filters.limits import DEFAULT_FILTER_LIMITS, FilterLimits
from presence.filters.packages import SHAPES, Shape
from presence.filters.triggers import Trigger, any_fires
from sip.errors import BadRequest, UnsupportedMediaType
from sip.headers import MediaType
from sip.uri import Uri, canonical_host, parse_uri

_OURS: Final = XmlLimits(size=16 * 1024 * 1024, depth=64)
"""For documents that the server made itself."""
_ADDRESS_SCHEMES: Final = ("pres:", "im:")

Means = Callable[[str], str]
"""The one name of whom or what an AOR stands for: an alias and its user have the same."""


def itself(aor: str) -> str:
    """There are no aliases."""
    return aor


class _Address(NamedTuple):
    """Whose documents a filter is for; both None: those of what was subscribed to."""

    uri: str | None
    """As `_resource` writes it."""
    domain: str | None


class _Filter(NamedTuple):
    """One filter, understood."""

    id: str
    address: _Address
    enabled: bool
    content: Content | None
    triggers: tuple[Trigger, ...] | None


class WatcherFilter:
    """What one watcher asks for."""

    __slots__ = ("__weakref__", "_document", "_filters", "_limits", "package")

    def __init__(
        self, package: str, filters: tuple[_Filter, ...] = (), limits: FilterLimits = DEFAULT_FILTER_LIMITS
    ) -> None:
        """Without `filters`: everything, always."""
        self.package = package
        self._filters = filters
        self._limits = limits
        self._document = b""

    @classmethod
    def read(
        cls,
        content_type: str | MediaType | None,
        body: bytes,
        package: str = "presence",
        *,
        limits: FilterLimits = DEFAULT_FILTER_LIMITS,
        xml_limits: XmlLimits = DEFAULT_LIMITS,
    ) -> WatcherFilter:
        """The filters in the `body` of a first SUBSCRIBE; an empty one asks for everything (RFC 4660 §3.3).

        Raises:
            UnsupportedMediaType: 415 with Accept, another type of body (§5.2).
            BadRequest: 400, not XML that we read.
            EntityTooLarge: 413.
            NotAcceptableHere: 488 with Warning: not as the schema has it, an expression beyond RFC 4661 §5,
                another package, two filters for one resource or domain, more than `limits` (§5.2, §5.4).
        """
        return cls(package, (), limits).updated(content_type, body, xml_limits=xml_limits)

    def updated(
        self,
        content_type: str | MediaType | None,
        body: bytes,
        *,
        xml_limits: XmlLimits = DEFAULT_LIMITS,
    ) -> WatcherFilter:
        """The filters after a refresh with `body` (RFC 4660 §5.2.2).

        By id they are replaced, disabled, removed or added; an empty body changes nothing, and removing what
        is not there is no fault.

        Raises:
            SipError: as `read`; nothing has changed then.
        """
        if not body:
            return self
        _check_type(content_type)
        shape = SHAPES.get(self.package)
        if shape is None:
            raise refusal(f"documents of the package {self.package} cannot be filtered")
        document = read_filter_set(body, xml_limits)
        if document.package is not None and document.package.strip().lower() != self.package:
            raise refusal(f"it is for the package {document.package}, this is {self.package}")
        # Before any expression is looked at: the work is bounded by what came in.
        self._check_number(len(document.filters), sum(_rules(each) for each in document.filters))
        filters = {each.id: each for each in self._filters}
        for each in document.filters:
            if each.remove:
                filters.pop(each.id, None)
            else:
                filters[each.id] = self._understood(each, filters.get(each.id), shape)
        self._check_number(len(filters), sum(_cost(each) for each in filters.values()))
        addresses: set[_Address] = set()
        for after in filters.values():
            if after.address in addresses:
                raise refusal(f"{_shown(after.address)} has two filters, the second is {after.id}")
            addresses.add(after.address)
        return WatcherFilter(self.package, tuple(filters.values()), self._limits)

    def check_resources(self, target: str, means: Means = itself) -> None:
        """See that no two filters are for one resource (RFC 4660 §3.3.1), by whatever names they call it.

        `target` is the URI that was subscribed to: a filter that names nobody is for that one (§3.3.2).

        Raises:
            NotAcceptableHere: 488 with Warning: two are.
        """
        found: set[str] = set()
        for each in self._filters:
            if each.address.domain is None:
                named = _resource(target) if each.address.uri is None else each.address.uri
                meant = means(named)
                if meant in found:
                    raise refusal(f"{meant} has two filters, the second is {each.id}")
                found.add(meant)

    @property
    def key(self) -> Hashable:
        """Equal for filters that deliver the same documents at the same times."""
        return self.package, frozenset(each[1:] for each in self._filters if each.enabled)

    @property
    def content_key(self) -> Hashable:
        """Equal for filters that deliver the same documents, maybe at other times."""
        return self.package, frozenset((each.address, each.content) for each in self._filters if each.enabled)

    def __bool__(self) -> bool:
        """Whether there is any filter, be it a disabled one."""
        return bool(self._filters)

    def document(self) -> bytes:
        """All filters as one document that `read` takes: what outlives a restart."""
        if not self._document:
            self._document = self._written()
        return self._document

    def _written(self) -> bytes:
        prefixes: dict[str, str] = {}

        def prefix_of(uri: str) -> str:
            return prefixes.setdefault(uri, f"n{len(prefixes) + 1}")

        filters = [_written(each, prefix_of) for each in self._filters]
        return write_filter_set(self.package, {p: uri for uri, p in prefixes.items()}, filters)

    def for_resource(
        self, uri: str, lists: Sequence[str] = (), means: Means = itself
    ) -> WatcherFilter | None:
        """The filter for the documents of `uri`, a member of `lists` (URIs, the innermost first), or None.

        One for the resource comes first (RFC 4660 §3.3.1), then one for a list that it is in, one for its
        domain, and the one that names nobody.  A disabled filter is as good as none.
        """
        found = self._applicable(uri, lists, means)
        if found is None:
            return None
        return WatcherFilter(self.package, (found._replace(address=_Address(None, None)),), self._limits)

    def apply(self, document: bytes, aor: str) -> bytes:
        """What of the `document` of `aor` is delivered: a valid document of the package (§5.3.1).

        Without a filter for it, the document as it is.  Where nothing is selected the document is empty.
        """
        found = self._applicable(aor, ())
        if found is None or found.content is None or not (found.content.include or found.content.exclude):
            return document
        root = read_xml(document, self.package, _OURS)
        keep_content(root, found.content, SHAPES[self.package])
        return b'<?xml version="1.0" encoding="UTF-8"?>\n%b\n' % etree.tostring(root, encoding="UTF-8")

    def has_triggers(self, aor: str) -> bool:
        """Whether only some changes of the documents of `aor` are told, those that a trigger names."""
        found = self._applicable(aor, ())
        return found is not None and bool(found.triggers)

    def triggered(self, before: bytes | None, after: bytes, aor: str | None = None) -> bool:
        """Whether the watcher is told that `before` has become `after`, both as they are before `apply`.

        `before` is the last that was sent, None if nothing was: then always (§5.3.1).  `aor` is whose
        documents they are; left out, the `entity` in them says so.
        """
        if before is None:
            return True
        if before == after:
            return False
        if not any(each.enabled and each.triggers for each in self._filters):
            return True
        new = read_xml(after, self.package, _OURS)
        found = self._applicable(new.get("entity") or "" if aor is None else aor, ())
        if found is None or not found.triggers:
            return True
        return any_fires(found.triggers, read_xml(before, self.package, _OURS), new, SHAPES[self.package])

    def _applicable(self, uri: str, lists: Iterable[str], means: Means = itself) -> _Filter | None:
        # Asked for each document: who has an alias now may not have had it when the filter came.
        enabled: dict[_Address, _Filter] = {}
        for each in self._filters:
            if each.enabled:
                named, domain = each.address
                enabled.setdefault(_Address(named and means(named), domain), each)
        if not enabled:
            return None
        resource = _resource(uri)
        for address in (
            _Address(means(resource), None),
            *(_Address(means(_resource(each)), None) for each in lists),
            _Address(None, _domain(resource)),
            _Address(None, None),
        ):
            if (found := enabled.get(address)) is not None:
                return found
        return None

    def _understood(self, given: simple_filter.Filter, before: _Filter | None, shape: Shape) -> _Filter:
        address = _Address(None if given.uri is None else _resource(given.uri), given.domain)
        if given.what is None and given.triggers is None:
            # Switching on and off leaves out what is there already (RFC 4661 §3.4).
            if before is not None and (given.enabled is False or _says_something(before)):
                address = before.address if address == _Address(None, None) else address
                return before._replace(enabled=given.enabled, address=address)
            if given.enabled:
                raise refusal(f"the filter {given.id} has neither what nor trigger")
            return _Filter(given.id, address, False, None, None)
        bindings = {**shape.prefixes, **given.bindings}
        try:
            understood = _Filter(
                given.id,
                address,
                given.enabled,
                None if given.what is None else content.understand(given.what, bindings, self._limits),
                None
                if given.triggers is None
                else tuple(triggers.understand(each, bindings, self._limits) for each in given.triggers),
            )
        except ExpressionError as error:
            raise refusal(f"{given.id}: {error}") from None
        if sum(map(size, _paths(understood))) > self._limits.parts:
            raise refusal(f"{given.id}: expressions of more than {self._limits.parts} parts together")
        return understood

    def _check_number(self, filters: int, rules: int) -> None:
        if filters > self._limits.filters:
            raise refusal(f"more than {self._limits.filters} filters")
        if rules > self._limits.rules:
            raise refusal(f"more than {self._limits.rules} rules")


def _check_type(content_type: str | MediaType | None) -> None:
    if isinstance(content_type, str):
        content_type = MediaType.parse(content_type)
    if content_type is None or content_type.full != CONTENT_TYPE:
        shown = "a body without Content-Type" if content_type is None else content_type.full
        raise UnsupportedMediaType(
            f"A filter is {CONTENT_TYPE}, not {shown}", headers=(("Accept", CONTENT_TYPE),)
        )


def _rules(given: simple_filter.Filter) -> int:
    count = 0 if given.what is None else len(given.what.include) + len(given.what.exclude)
    return count + sum(len(t.changed) + len(t.added) + len(t.removed) for t in given.triggers or ())


def _cost(each: _Filter) -> int:
    count = 0 if each.content is None else len(each.content.include) + len(each.content.exclude)
    return count + sum(len(t.changed) + len(t.added) + len(t.removed) for t in each.triggers or ())


def _paths(each: _Filter) -> Iterator[Path]:
    if each.content is not None:
        for selector in (*each.content.include, *each.content.exclude):
            if isinstance(selector, Path):
                yield selector
    for trigger in each.triggers or ():
        yield from (change.path for change in trigger.changed)
        yield from (*trigger.added, *trigger.removed)


def _says_something(each: _Filter) -> bool:
    return each.content is not None or each.triggers is not None


def _resource(uri: str) -> str:
    """`uri` for comparing: addresses of record; pres and im URIs name the same user as sip ones."""
    scheme, _, rest = uri.partition(":")
    if f"{scheme.lower()}:" in _ADDRESS_SCHEMES:
        uri = f"sip:{rest.partition('?')[0]}"
    try:
        return parse_uri(uri).aor
    except BadRequest:
        return uri


def _domain(resource: str) -> str | None:
    try:
        uri = parse_uri(resource)
    except BadRequest:
        return None
    return canonical_host(uri.host) if isinstance(uri, Uri) else None


def _shown(address: _Address) -> str:
    return address.uri or address.domain or "what is subscribed to"


def _written(each: _Filter, prefix_of: Callable[[str], str]) -> simple_filter.Filter:
    def rule(selector: Selector) -> simple_filter.Rule:
        if isinstance(selector, Namespace):
            return simple_filter.Rule(selector.uri, True)
        return simple_filter.Rule(render(selector, prefix_of))

    def reference(path: Path) -> str:
        return render(path, prefix_of)

    what = each.content
    return simple_filter.Filter(
        each.id,
        each.address.uri,
        each.address.domain,
        False,
        each.enabled,
        None
        if what is None
        else simple_filter.What(tuple(map(rule, what.include)), tuple(map(rule, what.exclude))),
        None
        if each.triggers is None
        else tuple(
            simple_filter.Trigger(
                tuple(simple_filter.Changed(reference(c.path), c.old, c.new, c.by) for c in trigger.changed),
                tuple(map(reference, trigger.added)),
                tuple(map(reference, trigger.removed)),
            )
            for trigger in each.triggers
        ),
    )
