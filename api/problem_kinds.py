"""Kinds of problems that are no refusals by the ledger's rules: what is wrong with a request before it gets there."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of problem: the last part of its type URL, its status, the rule, and what to do."""

    name: str
    status: int
    rule: str
    advice: str


MALFORMED = Kind(
    "malformed-request",
    400,
    "A request must be readable before it can be judged.",
    "Send UTF-8 JSON: names in double quotes, each once; no NaN; at most 40 levels deep.",
)
UNAUTHENTICATED = Kind(
    "key-needed",
    401,
    "Every request but a few public ones names its key.",
    "Send the header `Authorization: Bearer <key>`; an operator makes keys with `ledger keys create`.",
)
FORBIDDEN = Kind(
    "not-your-role",
    403,
    "Each role may do certain things; what is not listed for a role is denied.",
    "Use a key of a role that may do this; `x-roles` in the OpenAPI file names them for each operation.",
)
NOT_FOUND = Kind(
    "not-found",
    404,
    "Nothing stands at this address, or nothing that you may see.",
    "Check the path and the identifiers in it.",
)
METHOD = Kind(
    "method-not-allowed",
    405,
    "Each address takes certain methods only.",
    "The `Allow` header of the answer names them.",
)
NOT_ACCEPTABLE = Kind(
    "not-acceptable",
    406,
    "Answers are JSON, or a problem document.",
    "Leave the `Accept` header out, or let it include `application/json`.",
)
TOO_LARGE = Kind(
    "body-too-large",
    413,
    "A body has at most 1 MiB; an import at most 64 MiB.",
    "Send less at a time; imports can be split into several files.",
)
MEDIA = Kind(
    "media-type",
    415,
    "Bodies are JSON, and result files CSV.",
    "Send `Content-Type: application/json`, or `text/csv` to the import of results.",
)
UNUSABLE = Kind(
    "unusable-value",
    422,
    "Every value must be of its kind and within its bounds; unknown names are refused.",
    "`errors` names each field and what it must be.",
)
UNUSABLE_FILE = Kind(
    "unusable-file",
    422,
    "A file is taken as a whole only if it can be read as what it should be.",
    "The detail names the place in the file; nothing of it was recorded. Correct it and send it again.",
)
UNAVAILABLE = Kind(
    "unavailable",
    503,
    "The ledger cannot answer just now; nothing was recorded.",
    "Send the same request again, with the same `Idempotency-Key`, after `Retry-After` seconds.",
)
FAULT = Kind(
    "fault",
    500,
    "The service failed; this is our fault, never that of what was sent.",
    "Send the same request again with the same `Idempotency-Key`, and tell the operator if it persists.",
)

KINDS = (
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD,
    NOT_ACCEPTABLE,
    TOO_LARGE,
    MEDIA,
    UNUSABLE,
    UNUSABLE_FILE,
    UNAVAILABLE,
    FAULT,
)
