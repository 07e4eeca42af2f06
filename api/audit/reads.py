"""
The record of what auditors read.

Over HTTP nothing is answered that could not be recorded. At the command line, which is trusted local administration,
a log that takes no facts must not keep anybody from looking into why: there it is said, and the answer given.
"""

from __future__ import annotations

import msgspec
from flask import Flask, Response, current_app, g, request

from api.acting import ledger as served
from api.auth import PUBLIC, actor
from ledger.application import Ledger
from ledger.decider import LOCAL_ADMINISTRATION
from ledger.errors import Refused
from ledger.event import Actor
from ledger.reads import NoteRead
from ledger.store import StoreUnavailable

AT_TERMINAL = Actor(id=LOCAL_ADMINISTRATION, role="auditor", client="cli")
_AUDITOR = "auditor"
_PAGING = frozenset({"cursor", "limit", "at_least"})
_canonical = msgspec.json.Encoder(order="sorted").encode


def note_read(ledger: Ledger, by: Actor, what: str, learner: str | None = None, **asked: object) -> None:
    """Record that *by* was shown *what*, of one learner or not; what was asked is kept as a keyed digest."""
    query = ledger.keys.fingerprint(_canonical([what, asked])).hex()[:32]
    day = ledger.now().date()
    ledger.execute(NoteRead(account=by.id, day=day, what=what, learner=learner, query=query), actor=by)


def install(app: Flask) -> None:
    """Record what each auditor was shown by *app*, before it is sent."""
    app.after_request(_note)


def _note(response: Response) -> Response:
    endpoint, who = request.endpoint, g.get("principal")
    if endpoint is None or endpoint in PUBLIC or who is None or who.role != _AUDITOR:
        return response
    if request.method == "GET" and response.status_code == 200:
        path = dict(request.view_args or {})
        asked = {name: value for name, value in request.args.items() if name not in _PAGING}
        try:
            concerned = path.get("learner_id") or g.get("concerns")
            note_read(served(), actor(), endpoint, concerned, path=path, query=asked)
        except (Refused, StoreUnavailable) as error:
            return current_app.make_response(current_app.handle_user_exception(error))
    return response
