"""
`Idempotency-Key`: the same POST sent again records nothing twice and is answered as the first time.

The key is kept in the same append as the facts (`Ledger.execute(key=…)`), per principal.
What a POST brings into being gets an identifier derived from principal and key under the ledger's own secret,
so that a repetition is the same command with the same identifiers, also after a crash, and nobody can choose one:
which evidence is moderated follows from its identifier.
"""

from __future__ import annotations

import re

from flask import current_app, request

from api.auth import principal
from api.paths import FieldError
from api.problem_kinds import UNUSABLE
from api.problems import Problem
from ledger import ids

HEADER = "Idempotency-Key"
PATTERN = r"[\x21-\x7e]{1,200}"


def key() -> str | None:
    """Return the request's key, or None."""
    found = request.headers.get(HEADER)
    if found is None:
        return None
    if not re.fullmatch(PATTERN, found):
        error = FieldError(HEADER, "must be 1 to 200 visible ASCII characters without blanks")
        raise Problem(UNUSABLE, error.sentence, error)
    return found


def identifier(prefix: str) -> str:
    """Name what this request brings into being: derived from its key, or random without one."""
    given = key()
    if given is None:
        return ids.new(prefix)
    named = f"{prefix}\x1f{principal().account}\x1f{given}"
    digest: bytes = current_app.extensions["ledger"].keys.fingerprint(named.encode())
    return f"{prefix}_{digest.hex()[:30]}"


def expected() -> int | None:
    """Return the position in `If-Match` on which the person decided, or None."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    found = re.fullmatch(r'\s*"?([0-9]{1,18})"?\s*', given, re.ASCII)
    if not found:
        error = FieldError("If-Match", 'must be the ETag of an earlier answer, such as "42"')
        raise Problem(UNUSABLE, error.sentence, error)
    return int(found[1])
