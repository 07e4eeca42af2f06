"""The page `docs/http.md`: every request the service answers, with who may send it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from ledger.events import Role

_ROLES = frozenset(get_args(Role))
_FEW = 2
_OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"
_INTRODUCTION = """\
# The HTTP API

[openapi.json](openapi.json) describes every request and answer; the service shows it at `/docs`, to be tried.
Errors are problem documents, listed in [problems.md](problems.md).

- Every request but a few carries `Authorization: Bearer <key>`; keys come from `ledger keys create`.
- Every POST takes an `Idempotency-Key`: sent again with the same body, it records nothing twice and answers the same.
- A command answers with the `position` at which it stands: `?at_least=` reads what follows from it.
  Its `ETag` goes into `If-Match`, to decide only on what was seen.
- `at` is a position or an instant: what was known then.
  `on` is a date or an instant: what was valid then. They combine.
- Lists are `{"items": […], "next": …}`; `?after=` takes `next`.
- What another learner owns is not found, rather than forbidden.

This page is made from openapi.json by `make docs`.
"""


def http_page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_requests()]).rstrip() + "\n"


def _requests() -> Iterator[str]:
    spec: dict[str, Any] = json.loads(_OPENAPI.read_text("utf-8"))
    said = {tag["name"]: tag.get("description", "") for tag in spec.get("tags", [])}
    by_tag: dict[str, list[str]] = {}
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                tag = (operation.get("tags") or ["others"])[0]
                by_tag.setdefault(tag, []).append(_row(method, path, operation))
    for tag, rows in by_tag.items():
        yield f"## {tag.capitalize()}\n"
        if said.get(tag):
            yield f"{said[tag]}\n"
        yield from ("| request | does | who |", "|---|---|---|", *rows, "")


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    return f"| `{method.upper()} {path}` | {operation.get('summary', '')} | {_who(operation)} |"


def _who(operation: dict[str, Any]) -> str:
    if operation.get("security") == []:
        return "anybody"
    roles = set(operation["x-roles"])
    left_out = sorted(_ROLES - roles)
    if len(left_out) <= _FEW:
        return "every role" + (f" but {_and(left_out)}" if left_out else "")
    return _and(sorted(roles))


def _and(roles: list[str]) -> str:
    return ", ".join(role.replace("_", " ") for role in roles)
