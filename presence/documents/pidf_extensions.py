"""What may stand inside the known extensions of PIDF: tables, and a function that makes it so.

RPID (RFC 4480), timed status (RFC 4481), CIPID (RFC 4482) and the capabilities (RFC 5196) have closed
schemas, and PIDF's wildcards are lax: whoever validates a document validates these elements wherever they
stand.  What can be meant is put right (order, blanks, other spellings of a time, an activity that RPID does
not know becomes `other`), what cannot is left out.  Elements of any other namespace pass as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from lxml import etree

from presence.documents import xsd
from presence.documents.layout import leaf_text
from presence.documents.namespaces import CAPS, CIPID, DATA_MODEL, PIDF, RPID, SPHERE, TIMED_STATUS, XML, XSI

_LANG: Final = f"{{{XML}}}lang"
_MUST_UNDERSTAND: Final = f"{{{PIDF}}}mustUnderstand"
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`{|}~-]+/[a-z0-9!#$%&'*+.^_`{|}~-]+")

Value = Callable[[str], str | None]
"""The valid form of a text; None if there is none."""
Choice = Literal["", "unknown-alone", "one"]


class Model(NamedTuple):
    """What one element may hold."""

    text: Value | None = None
    """Its simple content; None if it has none."""
    attributes: Mapping[str, Value] = {}
    required: tuple[str, ...] = ()
    """Attributes that have to be there."""
    any_attribute: bool = False
    children: Mapping[str, Child] = {}
    """Of its own namespace, by local name."""
    foreign: int | None = None
    """The place of elements of other namespaces; None if there is none."""
    choice: Choice = ""
    """How the children beside the notes exclude each other: `unknown` stands alone, or the first decides."""
    least: int = 0
    """How many children beside the notes there must be."""
    own_words: str | None = None
    """Clark name of the child that a text becomes which is none of the children's names; None: it goes."""


class Child(NamedTuple):
    """A child in a model: its place in the order, what it holds, whether there may be several."""

    place: int
    model: Model
    many: bool = False


def _any_text(text: str) -> str | None:
    return text


def _language(text: str) -> str | None:
    return text if not text or xsd.is_language(text) else None


def _word(*words: str) -> Value:
    def read(text: str) -> str | None:
        text = text.strip().lower()
        return text if text in words else None

    return read


def _media_type(text: str) -> str | None:
    text = text.strip().lower()
    return text if _MEDIA_TYPE.fullmatch(text) is not None else None


_EMPTY: Final = Model()
_STRING: Final = Model(_any_text)
_NOTE: Final = Model(_any_text, {_LANG: _language})
_URI: Final = Model(xsd.uri)
_BOOLEAN: Final = Model(xsd.boolean)
_TIMES: Final[Mapping[str, Value]] = {"from": xsd.date_time_of, "until": xsd.date_time_of}


def _each(place: int, names: str, model: Model = _EMPTY, *, many: bool = False) -> dict[str, Child]:
    return {name: Child(place, model, many) for name in names.split()}


def _in_order(names: str, model: Model) -> dict[str, Child]:
    return {name: Child(place, model) for place, name in enumerate(names.split())}


# -- RPID, RFC 4480 §5 -----------------------------------------------------------------------------

_NOTES: Final = {"note": Child(0, _NOTE, many=True)}
_ACTIVITIES: Final = (
    "unknown appointment away breakfast busy dinner holiday in-transit looking-for-work meal meeting"
    " on-the-phone performance permanent-absence playing presentation shopping sleeping spectator"
    " steering travel tv vacation working worship"
)
_MOODS: Final = (
    "unknown afraid amazed angry annoyed anxious ashamed bored brave calm cold confused contented"
    " cranky curious depressed disappointed disgusted distracted embarrassed excited flirtatious"
    " frustrated grumpy guilty happy hot humbled humiliated hungry hurt impressed in_awe in_love"
    " indignant interested invincible jealous lonely mean moody nervous neutral offended playful proud"
    " relieved remorseful restless sad sarcastic serious shocked shy sick sleepy stressed surprised"
    " thirsty worried"
)


def _ranged(children: Mapping[str, Child], foreign: int | None, choice: Choice = "", least: int = 0) -> Model:
    """An element with `from` and `until`."""
    return Model(None, _TIMES, (), True, children, foreign, choice, least)


def _place_is(names: str) -> Model:
    return Model(children=_each(1, names, many=True), choice="one", least=1)


_RPID: Final = {
    "activities": _ranged(
        {**_NOTES, **_each(1, _ACTIVITIES, many=True), "other": Child(1, _NOTE, many=True)},
        1,
        "unknown-alone",
    ),
    "class": _STRING,
    "mood": _ranged(
        {**_NOTES, **_each(1, _MOODS, many=True), "other": Child(1, _NOTE, many=True)},
        1,
        "unknown-alone",
        1,
    ),
    "place-is": _ranged(
        {
            **_NOTES,
            "audio": Child(1, _place_is("noisy ok quiet unknown")),
            "video": Child(2, _place_is("toobright ok dark unknown")),
            "text": Child(3, _place_is("uncomfortable inappropriate ok unknown")),
        },
        None,
    ),
    "place-type": _ranged({**_NOTES, "other": Child(1, _NOTE, many=True)}, 1, "one", 1),
    "privacy": _ranged(
        {
            **_NOTES,
            "unknown": Child(1, _EMPTY),
            "audio": Child(2, _EMPTY),
            "text": Child(3, _EMPTY),
            "video": Child(4, _EMPTY),
        },
        5,
        "unknown-alone",
    ),
    "relationship": Model(
        children={
            **_NOTES,
            **_each(1, "assistant associate family friend self supervisor unknown", many=True),
            "other": Child(1, _NOTE, many=True),
        },
        foreign=1,
        choice="one",
    ),
    "service-class": Model(
        children={
            **_NOTES,
            **_each(1, "courier electronic freight in-person postal unknown", many=True),
        },
        foreign=1,
        choice="one",
        least=1,
    ),
    # RFC 4480's own example has a text in it, which its schema forbids.
    "sphere": _ranged(_each(1, "home work unknown", many=True), 1, "one")._replace(
        own_words=f"{{{SPHERE}}}other"
    ),
    "status-icon": Model(xsd.uri, _TIMES, (), True),
    "time-offset": Model(xsd.integer, {**_TIMES, "description": _any_text}, (), True),
    "user-input": Model(
        _word("active", "idle"),
        {"idle-threshold": xsd.positive_integer, "last-input": xsd.date_time_of},
        (),
        True,
    ),
}

# -- timed status, RFC 4481 §5 ---------------------------------------------------------------------

_TIMED_STATUS: Final = {
    "timed-status": Model(
        attributes=_TIMES,
        required=("from",),
        children={"basic": Child(0, Model(_word("open", "closed"))), "note": Child(1, _NOTE)},
        foreign=2,
    )
}

# -- CIPID, RFC 4482 §5 ----------------------------------------------------------------------------

_CIPID: Final = {
    **dict.fromkeys(("card", "homepage", "icon", "map", "sound"), _URI),
    "display-name": _STRING,
}

# -- capabilities, RFC 5196 §5 ---------------------------------------------------------------------


def _supported(model: Model) -> Model:
    return Model(children=_in_order("supported notsupported", model))


def _capabilities(names: str) -> Model:
    return _supported(Model(children=_in_order(names, _STRING), foreign=len(names.split())))


def _list_of(name: str) -> Model:
    return _supported(Model(children={name: Child(0, _STRING, many=True)}, least=1))


def _number(*names: str) -> Model:
    return Model(attributes=dict.fromkeys(names, xsd.integer), required=names)


_PRIORITIES: Final = _supported(
    Model(
        children={
            "equals": Child(0, _number("value"), many=True),
            # Misspelled so in the schema of the RFC.
            "higherhan": Child(1, _number("minvalue"), many=True),
            "lowerthan": Child(2, _number("maxvalue"), many=True),
            "range": Child(3, _number("minvalue", "maxvalue"), many=True),
        },
        foreign=4,
    )
)
_SERVCAPS: Final[tuple[tuple[str, Model, bool], ...]] = (
    ("actor", _capabilities("attendant information msg-taker principal"), False),
    ("application", _BOOLEAN, False),
    ("audio", _BOOLEAN, False),
    ("automata", _BOOLEAN, False),
    ("class", _capabilities("business personal"), False),
    ("control", _BOOLEAN, False),
    ("data", _BOOLEAN, False),
    ("description", _NOTE, True),
    ("duplex", _capabilities("full half receive-only send-only"), False),
    (
        "event-packages",
        _capabilities(
            "conference dialog kpml message-summary poc-settings presence reg refer Siemens-RTP-Stats"
            " spirits-INDPs spirits-user-prof winfo"
        ),
        False,
    ),
    (
        "extensions",
        _capabilities(
            "rel100 early-session eventlist from-change gruu hist-info join norefersub path precondition pref"
            " privacy recipient-list-invite recipient-list-subscribe replaces resource-priority sdp-anat"
            " sec-agree tdialog timer"
        ),
        False,
    ),
    ("isfocus", _BOOLEAN, False),
    ("message", _BOOLEAN, False),
    (
        "methods",
        _capabilities(
            "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE"
        ),
        False,
    ),
    ("languages", _list_of("l"), False),
    ("priority", _PRIORITIES, False),
    ("schemes", _list_of("s"), False),
    ("text", _BOOLEAN, False),
    ("type", Model(_media_type), True),
    ("video", _BOOLEAN, False),
)
_CAPS: Final = {
    "servcaps": Model(
        children={name: Child(at, model, many) for at, (name, model, many) in enumerate(_SERVCAPS)},
        foreign=len(_SERVCAPS),
        any_attribute=True,
    ),
    "devcaps": Model(
        children={
            "description": Child(0, _NOTE, many=True),
            "mobility": Child(1, _capabilities("fixed mobile")),
        },
        foreign=2,
        any_attribute=True,
    ),
}

_MODELS: Final[Mapping[str, Model]] = {
    f"{{{namespace}}}{name}": model
    for namespace, models in (
        (RPID, _RPID), (TIMED_STATUS, _TIMED_STATUS), (CIPID, _CIPID), (CAPS, _CAPS),
        (DATA_MODEL, {"deviceID": _URI}),
    )
    for name, model in models.items()
}  # fmt: skip
_MISPLACED: Final = frozenset({f"{{{PIDF}}}presence", f"{{{DATA_MODEL}}}person", f"{{{DATA_MODEL}}}device"})
"""Known elements that hold ids and have a place of their own: nowhere else."""

USER_INPUT: Final = f"{{{RPID}}}user-input"
WITH_TIMES: Final = frozenset(
    f"{{{RPID}}}{name}" for name, model in _RPID.items() if "from" in model.attributes
)
"""What holds from a time on or until one (RFC 4480 §3, table 1)."""
ONLY_ONCE: Final = frozenset(f"{{{RPID}}}{name}" for name in _RPID) - WITH_TIMES
"""What a tuple, person or device has at most one of (RFC 4480 §5)."""
TIMED: Final = f"{{{TIMED_STATUS}}}timed-status"


def repair(element: etree._Element) -> bool:
    """Make an extension valid as far as schemas are known; whether something is left of it."""
    tag = element.tag
    if tag in _MISPLACED:
        return False
    model = _MODELS.get(tag)
    if model is not None:
        return _apply(element, model, tag[: tag.index("}") + 1])
    _keep_valid_attributes(element, None)
    for child in list(element):
        if not repair(child):
            _take_out(child)
    return True


def _apply(element: etree._Element, model: Model, own: str) -> bool:
    _keep_valid_attributes(element, model)
    if any(element.get(name) is None for name in model.required):
        return False
    if model.text is not None:
        text = model.text(leaf_text(element))
        if text is None:
            return False
        element.text = text
        return True
    if model.own_words is not None and not len(element):
        _make_child(element, model, own)
    element.text = None
    kept: list[tuple[int, etree._Element]] = []
    for child in list(element):
        child.tail = None
        place = _place(child, model, own, kept)
        if place is not None:
            kept.append((place, child))
    kept.sort(key=lambda pair: pair[0])
    children = [child for _, child in kept]
    if model.choice:
        children = _chosen(children, model.choice, own)
    if model.least and sum(child.tag != f"{own}note" for child in children) < model.least:
        if "unknown" not in model.children or not children:
            return False
        children.append(etree.Element(f"{own}unknown"))
    element[:] = children
    return True


def _make_child(element: etree._Element, model: Model, own: str) -> None:
    """What stands there as text becomes the child that means the same."""
    text = " ".join((element.text or "").split())
    if text.lower() in model.children:
        etree.SubElement(element, f"{own}{text.lower()}")
    elif text and model.own_words is not None:
        etree.SubElement(element, model.own_words).text = text


def _place(
    child: etree._Element, model: Model, own: str, kept: Iterable[tuple[int, etree._Element]]
) -> int | None:
    """The place of a child, put right; None if it has none."""
    tag = child.tag
    if not tag.startswith(own):
        return model.foreign if model.foreign is not None and tag[0] == "{" and repair(child) else None
    name = tag[len(own) :]
    rule = model.children.get(name)
    if rule is None:
        # A word that RPID does not know, where it has a place for words of one's own.
        rule = model.children.get("other")
        if rule is None:
            return None
        text = leaf_text(child).strip() or name
        child.tag = f"{own}other"
        child.text = text
    elif not rule.many and any(place == rule.place for place, _ in kept):
        return None
    return rule.place if _apply(child, rule.model, own) else None


def _chosen(children: list[etree._Element], choice: Choice, own: str) -> list[etree._Element]:
    note, unknown = f"{own}note", f"{own}unknown"
    notes = [child for child in children if child.tag == note]
    values = [child for child in children if child.tag != note]
    if choice == "unknown-alone":
        said = [child for child in values if child.tag != unknown]
        return notes + (said or values[:1])
    if values and not values[0].tag.startswith(own):
        return notes + [child for child in values if not child.tag.startswith(own)]
    return notes + values[:1]


def _keep_valid_attributes(element: etree._Element, model: Model | None) -> None:
    """Ids of RPID go as well: nothing refers to them, and they would be another in every composition."""
    for key, value in element.items():
        name = str(key)
        read: Value | None
        if model is not None and name in model.attributes:
            read = model.attributes[name]
        elif model is not None and not model.any_attribute:
            read = None
        elif name[0] == "{":
            read = _namespaced(name)
        else:
            read = None if model is not None and name == "id" else _any_text
        valid = None if read is None else read(str(value))
        if valid is None:
            del element.attrib[name]
        elif valid != value:
            element.set(name, valid)


def _namespaced(name: str) -> Value | None:
    """How to read an attribute that may stand on any element; None if it is not kept."""
    if name == _LANG:
        return _language
    if name == _MUST_UNDERSTAND:
        return xsd.boolean
    # Types and ids of another schema or document: here they name nothing.
    return None if name.startswith((f"{{{XSI}}}", f"{{{XML}}}")) else _any_text


def _take_out(element: etree._Element) -> None:
    """Remove an element and leave the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    tail = element.tail
    if tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(element)
