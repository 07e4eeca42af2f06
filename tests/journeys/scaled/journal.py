"""
Clients of the HTTP API that keep a journal of what was acknowledged to them.

Each sends one request after another, and every one until it is answered: what is not is sent again with the same key,
to the next address. A 503 is no answer; anything but 200 or 201 is wrong.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from random import Random
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.journeys.scaled.campus import MICROS

_PATIENCE_SECONDS = 25.0
_LONGEST_SECONDS = 120.0
_PAUSE_SECONDS = 0.1
_SHARED_EVERY = 4


class Request(NamedTuple):
    """What is sent; `{…}` in the path stands for the id that an earlier request was given."""

    key: str
    path: str
    body: dict[str, Any]
    who: str


class Answer(NamedTuple):
    """What was acknowledged."""

    status: int
    document: dict[str, Any]
    repeated: bool


class Client:
    """Lets one learner after another earn everything; every fourth is shared with the other clients, who help."""

    def __init__(
        self, number: int, run: str, addresses: Sequence[str], office: str, assessor: str, pace: float
    ) -> None:
        self.number = number
        self.journal: dict[str, tuple[Request, Answer]] = {}
        self.wrong: list[str] = []
        self.tries = 0
        self.longest = 0.0
        self._run = run
        self._office, self._assessor = office, assessor
        self._pace = pace
        self._addresses = [urlsplit(address) for address in addresses]
        self._at = number
        self._connection: http.client.HTTPConnection | None = None
        self._ids: dict[str, str] = {}
        self._ended = Event()
        self._thread = Thread(target=self._work, name=f"client {number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stop once the request under way is answered."""
        self._ended.set()

    def join(self) -> None:
        self._thread.join()

    def learners(self) -> dict[str, set[str]]:
        """Return by learner what this client was told that they have earned."""
        earned: dict[str, set[str]] = {}
        for key, (_, answer) in self.journal.items():
            if key.endswith("=met"):
                micro = key.removesuffix("=met").rpartition("+")[2]
                earned.setdefault(answer.document["stream"].removeprefix("learner-"), set()).add(micro)
        return earned

    def ask_again(self, chance: Random, number: int) -> None:
        """Send some of the journal again; whatever happened meanwhile, each is answered as the first time."""
        keys = list(self.journal)
        for key in {*keys[-number:], *chance.sample(keys, min(number, len(keys)))}:
            request, first = self.journal[key]
            again = self._answered(request)
            if again is not None and again != first._replace(repeated=True):
                self.wrong.append(f"{key} was answered {first}, and when sent again {again}")

    def _work(self) -> None:
        for request in self._wishes():
            sent = request._replace(path=request.path.format_map(self._ids))
            answer = self._answered(sent)
            if answer is None:
                return
            self.journal[request.key] = sent, answer
            self._ids[request.key] = answer.document["id"]
            if self._ended.wait(self._pace):
                return

    def _wishes(self) -> Iterator[Request]:
        for number in count():
            shared = number % _SHARED_EVERY == _SHARED_EVERY - 1
            ref = f"{self._run}-{'all' if shared else self.number}-{number}"
            me = f"{ref}/{self.number}"
            yield Request(me, "/learners", {"ref": ref}, self._office)
            for micro in (MICROS[self.number % len(MICROS)],) if shared else MICROS:
                body = {"achievement_id": micro, "declaration": True, "evidence_url": f"https://work.example/{ref}"}
                yield Request(f"{me}+{micro}", f"/learners/{{{me}}}/evidence", body, self._office)
                path = f"/learners/{{{me}}}/evidence/{{{me}+{micro}}}/assessments"
                yield Request(f"{me}+{micro}=met", path, {"met": True}, self._assessor)

    def _answered(self, request: Request) -> Answer | None:
        """Send until answered; None for an answer that should not have been, which is noted."""
        began = time.monotonic()
        while time.monotonic() - began < _LONGEST_SECONDS:
            self.tries += 1
            try:
                status, document, repeated = self._sent(request)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self._hang_up()
            else:
                if status in {200, 201}:
                    self.longest = max(self.longest, time.monotonic() - began)
                    return Answer(status, document, repeated)
                if status != 503:
                    self.wrong.append(f"{request.key} was answered {status}: {document}")
                    return None
                self._hang_up()
            time.sleep(_PAUSE_SECONDS)
        self.wrong.append(f"{request.key} was not answered within {_LONGEST_SECONDS} s")
        return None

    def _sent(self, request: Request) -> tuple[int, dict[str, Any], bool]:
        if self._connection is None:
            address = self._addresses[self._at % len(self._addresses)]
            self._connection = http.client.HTTPConnection(
                str(address.hostname), address.port, timeout=_PATIENCE_SECONDS
            )
        headers = {
            "Authorization": f"Bearer {request.who}",
            "Idempotency-Key": request.key,
            "Content-Type": "application/json",
        }
        self._connection.request("POST", request.path, json.dumps(request.body), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("Idempotent-Replayed") == "true"

    def _hang_up(self) -> None:
        """Turn to the next address."""
        self._at += 1
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()
