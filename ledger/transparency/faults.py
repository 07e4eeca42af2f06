"""Why something about the log cannot be believed: it cannot be read, or it is not so."""

from __future__ import annotations


class Malformed(ValueError):
    """What was given cannot be read as what it should be; nothing is proven or disproven."""


class Disproven(Exception):
    """What was given can be read, and is not so."""


class Unsigned(Disproven):
    """None of the keys that are trusted signed it."""
