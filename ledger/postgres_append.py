"""
A group of appends as one call of the function `ledger.append` (migrations/log), in one round trip and one commit.

The arrays go over in PostgreSQL's binary form, made here, for the driver's own way with lists takes longer than the
commit; and through libpq's plain blocking call, never its pipeline, which can hang on large appends.

A connection that is lost while it commits leaves it open whether the facts stand. Then we look, as soon as the server
answers again and does not still work on it; only if that cannot be had in time is the store unavailable. An append that
is made again after all records nothing twice: its stream has moved, its key is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from ledger.errors import HOLDS_NUL, NOT_UNICODE, Invalid
from ledger.group_commit import Pending
from ledger.postgres import PATIENCE_S, Lost, Session, connect, lost, sentence, translate
from ledger.postgres_binary import ARRAY_OF, BOOL, BYTEA, INT4, INT8, TEXT, array, numbers
from ledger.store import Append, CatalogueMoved, KeyedReceipt, StoreUnavailable, is_reference

_TYPES = (
    *(INT8, INT8),  # callers: now, catalogue
    *(INT4, INT4, INT8, INT4, INT4),  # appends: caller, stream, after, facts, key
    *(TEXT, BOOL),  # streams: name, whether of reference
    *(INT4, INT4, TEXT, TEXT, BYTEA),  # facts: append, place in it, stream, name, body
    *(TEXT, TEXT),  # keys: principal, key
    *(INT4, TEXT, TEXT, BYTEA, TEXT, INT8, INT8, INT8, TEXT),  # receipts: append, and as KeyedReceipt
)
_NAME = b"ledger_append"
_MARKS = ", ".join(f"${number}" for number in range(1, len(_TYPES) + 1))
_CALL = f"SELECT firsts, moved, head FROM ledger.append({_MARKS})".encode()  # noqa: S608
_OIDS = [ARRAY_OF[of] for of in _TYPES]
_BINARY = [1] * len(_TYPES)
_LOCK = "SELECT pg_advisory_xact_lock(4991233000)"
_HEAD = "SELECT position FROM ledger.facts ORDER BY position DESC LIMIT 1"
_ANY_CATALOGUE = 2**62
_SETTLE_S = 6.0
_SETTLE_EVERY_S = 0.1
_READ_ONLY = "25006"


class PostgresWriter:
    """Writes groups of appends over one session, made anew when it is lost."""

    def __init__(self, url: str, purpose: str, *, patience: float = PATIENCE_S, settle: float = _SETTLE_S) -> None:
        self._url = url
        self._purpose = purpose
        self._patience = patience
        self._settle = settle
        self._session: Session | None = None

    def write(self, group: Sequence[Pending]) -> int:
        """See `ledger.group_commit.Writer.write`."""
        parameters = [] if group[0].decide else _parameters(group)
        until = 0.0
        while True:
            try:
                firsts, moved, head = self._call_at_head(group) if group[0].decide else self._call(parameters)
            except Lost:
                # The first time it may have been written. From then on we look before we try again.
                until = until or monotonic() + self._settle
                if (found := self._settled(group, until)) is None:
                    continue
                return found
            return _answer(group, firsts, moved, head)

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _call_at_head(self, group: Sequence[Pending]) -> tuple[list[int | None], list[int | None], int]:
        """Decide under the lock that `ledger.append` takes, and call it: one transaction, in some round trips more."""
        session = self._session or self._connect()
        session.due = monotonic() + self._patience
        try:
            with session.connection.transaction():
                session.connection.execute(_LOCK)
                found = session.connection.execute(_HEAD).fetchone()
                session.due = inf
                (pending,) = group
                if not pending.decided(found[0] if found else 0):
                    return [], [None], 0
                answer = self._call(_parameters(group))
                session.due = monotonic() + self._patience
        except psycopg.Error as error:
            if lost(session, error):
                self.close()
                raise Lost(sentence(error)) from None
            translate(error)
            raise
        session.due = inf
        return answer

    def _call(self, parameters: list[bytes]) -> tuple[list[int | None], list[int | None], int]:
        session = self._session or self._connect()
        session.due = monotonic() + self._patience
        try:
            result = session.connection.pgconn.exec_prepared(_NAME, parameters, _BINARY, 1)
            overdue = session.due < monotonic()
        except psycopg.Error as error:
            self.close()
            raise Lost(sentence(error)) from None
        session.due = inf
        if result.status == ExecStatus.TUPLES_OK:
            if overdue:
                self.close()
            firsts, moved, head = (result.get_value(0, column) or b"" for column in range(3))
            return numbers(firsts), numbers(moved), int.from_bytes(head, "big")
        failure = psycopg.errors.error_from_result(result)
        if lost(session, failure):
            self.close()
            if failure.sqlstate == _READ_ONLY:  # nothing was written, and whoever is primary now is found anew
                translate(failure)
            raise Lost(sentence(failure))
        translate(failure)
        raise AssertionError

    def _connect(self) -> Session:
        session = connect(self._url, purpose=self._purpose, patience=self._patience, by_index=True)
        try:
            result = session.connection.pgconn.prepare(_NAME, _CALL, _OIDS)
            if result.status != ExecStatus.COMMAND_OK:
                translate(psycopg.errors.error_from_result(result))
        except psycopg.Error as error:
            session.close()
            translate(error)
        except BaseException:
            session.close()
            raise
        self._session = session
        self._backend = session.backend
        return session

    def _settled(self, group: Sequence[Pending], until: float) -> int | None:
        """Find out whether *group* was written, and answer it if it was; None if it certainly was not."""
        was = self._backend
        why = "the server did not answer"
        while monotonic() < until:
            try:
                session = self._session or self._connect()
                session.due = monotonic() + self._patience
                if not session.connection.execute(_STILL_AT_WORK, was).fetchone():
                    found = _look(session, group)
                    session.due = inf
                    return found
                session.due = inf
                why = "the server still works on it"
            except (StoreUnavailable, psycopg.Error) as error:
                why = str(error)
                self.close()
            sleep(_SETTLE_EVERY_S)
        msg = f"the connection was lost while facts were written, and it cannot be told whether they were: {why}"
        raise StoreUnavailable(msg)


# A backend that was lost may still wait for its turn, or for a standby. Once it does neither, what it did is done.
_STILL_AT_WORK = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND backend_start = %s AND state = 'active'"
_WHAT_STANDS = """
SELECT position, topic, state FROM ledger.facts
WHERE originator_id = %s AND originator_version > %s AND originator_version <= %s ORDER BY originator_version
"""
_WHOSE_KEY = "SELECT request_hash, stream FROM ledger.receipts WHERE principal = %s AND key = %s"


def _look(session: Session, group: Sequence[Pending]) -> int | None:
    """
    See which of a lost group's appends stand; None if none do, and the group can be written again.

    The look is a transaction that writes a record of its own: where commits wait for a standby, so does this, and what
    it saw is there too.
    """
    head = 0
    with session.connection.transaction():
        session.connection.execute("SELECT pg_logical_emit_message(true, 'ledger', 'look')")
        placed = [[_where(session, append) for append in pending.appends] for pending in group]
    if all(positions is None for results in placed for positions in results):
        return None
    for pending, results in zip(group, placed, strict=True):
        pending.results = results
        head = max([head, *(positions[-1] for positions in results if positions)])
    return head


def _where(session: Session, append: Append) -> tuple[int, ...] | None:
    """Return where exactly these facts stand, with exactly this receipt."""
    stream, after, facts, receipt = append
    rows = session.connection.execute(_WHAT_STANDS, (stream, after, after + len(facts))).fetchall()
    if [(name, body) for _, name, body in rows] != list(facts):
        return None
    if receipt is not None:
        kept = session.connection.execute(_WHOSE_KEY, (receipt.principal, receipt.key)).fetchone()
        if kept != (receipt.request_hash, receipt.stream):
            return None
    return tuple(position for position, _, _ in rows)


def _answer(group: Sequence[Pending], firsts: list[int | None], moved: list[int | None], head: int) -> int:
    """Tell each caller where its facts stand."""
    number = 0
    wrote = False
    for pending, newer in zip(group, moved, strict=True):
        count = len(pending.appends)
        if newer is not None:
            pending.error = CatalogueMoved(newer)
        else:
            for append, first in zip(pending.appends, firsts[number : number + count], strict=True):
                if first is None:
                    pending.results.append(None)
                else:
                    wrote = wrote or first > 0
                    pending.results.append(tuple(range(first, first + len(append.facts))))
        number += count
    return head if wrote else 0


def _parameters(group: Sequence[Pending]) -> list[bytes]:
    """Return the arguments of `ledger.append`."""
    streams: dict[str, int] = {}
    keys: dict[tuple[str, str], int] = {}
    appends: list[tuple[int, int, int, int, int]] = []
    facts: list[tuple[int, int, bytes, bytes, bytes]] = []
    receipts: list[tuple[int, KeyedReceipt]] = []
    encoded: list[bytes] = []
    for caller, pending in enumerate(group, 1):
        for stream, after, new, receipt in pending.appends:
            number = streams.get(stream)
            if number is None:
                number = streams[stream] = len(streams) + 1
                encoded.append(stream.encode())
            key = 0
            if receipt is not None:
                key = keys.setdefault((receipt.principal, receipt.key), len(keys) + 1)
                receipts.append((len(appends) + 1, receipt))
            appends.append((caller, number, after, len(new), key))
            name = encoded[number - 1]
            place = len(appends)
            facts.extend([(place, nth, name, fact.name.encode(), fact.body) for nth, fact in enumerate(new)])
    columns: list[Iterable[Any]] = [
        [pending.now_us for pending in group],
        [_ANY_CATALOGUE if (at := pending.catalogue_position) is None else at for pending in group],
        *(zip(*appends, strict=True) if appends else [()] * 5),
        encoded,
        map(is_reference, streams),
        *(zip(*facts, strict=True) if facts else [()] * 5),
        [principal.encode() for principal, _ in keys],
        [key.encode() for _, key in keys],
        [place for place, _ in receipts],
        [receipt.principal.encode() for _, receipt in receipts],
        [receipt.key.encode() for _, receipt in receipts],
        [receipt.request_hash for _, receipt in receipts],
        [receipt.stream.encode() for _, receipt in receipts],
        [receipt.version for _, receipt in receipts],
        [receipt.position for _, receipt in receipts],
        [receipt.recorded for _, receipt in receipts],
        [receipt.status.encode() for _, receipt in receipts],
    ]
    return [array(of, list(values)) for of, values in zip(_TYPES, columns, strict=True)]


def check_text(appends: Sequence[Append]) -> None:
    """Raise Invalid for text that PostgreSQL cannot hold, before it would spoil the appends of others."""
    for stream, _, facts, receipt in appends:
        texts = [stream, *(fact.name for fact in facts)]
        if receipt is not None:
            texts += [receipt.principal, receipt.key, receipt.stream, receipt.status]
        together = "".join(texts)
        if not together.isascii():
            try:
                together.encode()
            except UnicodeEncodeError:
                raise Invalid(NOT_UNICODE) from None
        if "\0" in together:
            raise Invalid(HOLDS_NUL)
