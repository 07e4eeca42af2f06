"""A command on its way from a request into the ledger, and its receipt on the way back."""

from __future__ import annotations

import re

from flask import Response, current_app, request

from api import idempotency
from api.answers import Recorded, answer
from api.auth import actor
from ledger.application import Ledger, Receipt
from ledger.decider import Command

REPLAYED = "Idempotent-Replayed"
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def ledger() -> Ledger:
    """Return the ledger that this service stands before."""
    found: Ledger = current_app.extensions["ledger"]
    return found


def execute(command: Command) -> Receipt:
    """Record what *command* leads to, under the request's key, precondition and trace."""
    return ledger().execute(
        command,
        actor=actor(),
        key=idempotency.key(),
        correlation=_header("X-Request-ID", _REQUEST_ID),
        trace=_header("traceparent", _TRACE),
        expect=idempotency.expected(),
    )


def carry_out(command: Command, subject: str, location: str) -> Response:
    """Execute *command* and answer where it stands; *subject* is what it concerns, shown at *location*."""
    return receipted(execute(command), subject, location)


def receipted(receipt: Receipt, subject: str, location: str) -> Response:
    """
    Answer 201 for what was recorded, 200 for what stood already.

    Repeated under its idempotency key, a command is answered as the first time, and a header says so.
    """
    document = Recorded(id=subject, stream=receipt.stream, version=receipt.version, position=receipt.position)
    status = 201 if receipt.recorded else 200
    response = answer(document, position=receipt.position, status=status, location=location)
    if receipt.repeated:
        response.headers[REPLAYED] = "true"
    return response


def _header(name: str, pattern: re.Pattern[str]) -> str | None:
    """Return a header that ends up in facts, if it is what it should be: else it is ignored, as its standard asks."""
    given = request.headers.get(name)
    return given if given is not None and pattern.fullmatch(given) else None
