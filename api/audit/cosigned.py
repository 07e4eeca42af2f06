"""
The cosignatures of witnesses that the ledger keeps, each held against the checkpoint that it stands under.

A cosignature is what an auditor relies on who knows the witness and not the college, so one that was spoilt or put
under another checkpoint is as wrong as a changed fact. Whose key is not known cannot be checked, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from api.audit.source import Source
from api.audit.verdict import Fault
from ledger.transparency import note as notes
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.note import VerifierKey
from ledger.transparency.published import Cosigned

_AT_ONCE = 10_000
_UNREADABLE = (TypeError, ValueError, AttributeError, OverflowError)  # whatever may stand in a column that was edited


class Cosignatures(NamedTuple):
    """How many verified, what is wrong with others, and whose could not be checked."""

    verified: int
    faults: list[Fault]
    not_looked_at: list[str]


def cosignatures(source: Source, witnesses: Iterable[VerifierKey]) -> Cosignatures:
    """Check every stored cosignature of *witnesses*, and that the others can at least be read."""
    keys = {f"{key.name}+{key.id.hex()}": key for key in witnesses}
    faults: list[Fault] = []
    unknown: Counter[str] = Counter()
    verified = 0
    after: Cosigned | None = None
    try:
        while some := source.published.cosignatures(after, _AT_ONCE):
            after = some[-1]
            for one in some:
                try:
                    verified += _verifies(one, keys.get(one.witness))
                except (Malformed, Disproven, *_UNREADABLE) as error:
                    said = str(error).rstrip(".")
                    where = f"the stored cosignature of {one.witness} under the checkpoint of size {one.size}"
                    faults.append(Fault(subject="cosignature", sentence=f"{where} does not verify: {said}"))
                else:
                    unknown[one.witness] += one.witness not in keys
    except _UNREADABLE:
        faults.append(Fault(subject="cosignature", sentence="the list of cosignatures cannot be read"))
    aside = [
        f"{number} cosignatures of {witness}, whose key is not known here; name it with --witness"
        for witness, number in sorted(unknown.items())
        if number
    ]
    return Cosignatures(verified, faults, aside)


def _verifies(one: Cosigned, key: VerifierKey | None) -> bool:
    """Return whether the cosignature verifies, False where there is no *key* to tell; Disproven where it does not."""
    signature = notes.read_signature(one.line)
    if f"{signature.name}+{signature.id.hex()}" != one.witness:
        raise Disproven("its line is signed by another")
    if one.note is None:
        raise Disproven("there is no such checkpoint")
    if key is None:
        return False
    notes.verify(key, notes.read(one.note.encode()).text, signature)
    return True
