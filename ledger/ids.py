"""
Identifiers: `<prefix>_<random>` for what is new, `<prefix>_<digest>` for what follows from something else.

Derived identifiers make redelivery harmless: the same cause always names the same thing.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from ledger import errors

_WRITTEN_BY_PEOPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,119}")


def new(prefix: str) -> str:
    """Return a fresh identifier of 120 random bits; it tells nothing of whom or when."""
    return f"{prefix}_{secrets.token_hex(15)}"


def derived(prefix: str, *parts: object) -> str:
    """Return the identifier that *parts* always yield: 120 bits of SHA-256 over their text, separated."""
    text = "\x1f".join(str(part) for part in parts)
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:30]}"


def checked(value: str, field: str) -> str:
    """Return *value* if it can name an achievement or a stack, else refuse it by *field*."""
    if not _WRITTEN_BY_PEOPLE.fullmatch(value):
        raise errors.UnusableIdentifier(field, value)
    return value
