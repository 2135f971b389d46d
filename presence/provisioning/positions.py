"""Positions of groups and contacts: decimal numbers with ten places, exact, that only order things.

Clients put something between two others by a fraction and in front of all by a negative number, so a position
is never rounded by binary floating point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

SCALE: Final = 10
"""Decimal places that are kept; more are rounded, half up."""
DIGITS: Final = 18
"""Digits before the point that are kept; a larger number is no position."""

_TEXT: Final = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*", re.ASCII)
_LONGEST: Final = 100
_STEP: Final = Decimal(1).scaleb(-SCALE)
_LIMIT: Final = Decimal(10) ** DIGITS
# Never the context of the thread, which somebody else may have changed.
_EXACT: Final = Context(prec=2 * (SCALE + DIGITS) + _LONGEST, rounding=ROUND_HALF_UP)

FIRST: Final = Decimal(1)
"""Where the first of a row is put when nothing is said."""


def position(value: str | Decimal | int) -> Decimal:
    """The position that a text (as xs:decimal: "-33.3", no exponent) or a number means.

    Raises ValueError: no number, or too large a one.
    """
    if isinstance(value, str):
        if len(value) > _LONGEST or _TEXT.fullmatch(value) is None:
            raise ValueError(f"index {value[:40]!r} is not a decimal number")
        value = value.strip()
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= _LIMIT:
        raise ValueError(f"a position has at most {DIGITS} digits before the point")
    number = number.quantize(_STEP, context=_EXACT)
    if abs(number) >= _LIMIT:
        raise ValueError(f"a position has at most {DIGITS} digits before the point")
    return number if number else abs(number)


def after(positions: Iterable[Decimal]) -> Decimal:
    """The position behind all others: the highest and 1 more; `FIRST` where there is none.

    Raises ValueError: there is no room behind the highest.
    """
    highest = max(positions, default=None)
    return position(FIRST if highest is None else _EXACT.add(highest, Decimal(1)))


def stored(value: Decimal) -> str:
    """With all ten places, as databases and change notifications have it: "-33.3000000000"."""
    return f"{value.quantize(_STEP, context=_EXACT):f}"


def trimmed(value: Decimal) -> str:
    """Without zeros at the end: "-33.3", "200"."""
    text = stored(value)
    return text.rstrip("0").rstrip(".")
