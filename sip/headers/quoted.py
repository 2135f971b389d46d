"""The one value that is a str and more, in a module of its own: a subclass of str cannot be compiled."""

from __future__ import annotations


class Quoted(str):
    """The text of a quoted string, unescaped; it is rendered in quotes even where a token would do.

    Feature parameters (RFC 3840 §9) change their meaning without their quotes, so they are remembered.
    """

    __slots__ = ()
