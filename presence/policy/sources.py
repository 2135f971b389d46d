"""Components by the name of their source: without some of them, or one alone.

A tuple may name its source itself (Cisco's `so:source`); then this counts for it, and a component all of
whose tuples are hidden is hidden whole, or its person would tell what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from presence.composition import Component
from presence.documents.pidf import Element
from presence.policy.reachability import source_name


def without_sources(components: Iterable[Component], excluded: Collection[str]) -> tuple[Component, ...]:
    """What is left without the sources `excluded` (each a `source_name`)."""
    return _kept(components, lambda name: name not in excluded)


def only_source(components: Iterable[Component], source: str) -> tuple[Component, ...]:
    """What `source` (a `source_name`) says; empty if there is no such source."""
    return _kept(components, lambda name: name == source)


def _kept(components: Iterable[Component], wanted: Callable[[str], bool]) -> tuple[Component, ...]:
    kept: list[Component] = []
    for component in components:
        own = wanted(source_name(component.source))
        tuples = component.document.tuples

        def stays(element: Element, own: bool = own) -> bool:
            return own if element.source is None else wanted(source_name(element.source))

        left = tuple(element for element in tuples if stays(element))
        if left == tuples and own:
            kept.append(component)
        elif left or (own and not tuples):
            document = component.document
            # The person of a component is its own; of a tuple with another source only the tuple is meant.
            if not own:
                document = document._replace(persons=(), devices=(), notes=(), extensions=())
            kept.append(component._replace(document=document._replace(tuples=left)))
    return tuple(kept)
