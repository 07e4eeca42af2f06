"""
`ledger audit verify`: everything recomputed, and held against what was published.

A log that was rewritten as a whole, its tree and all, still differs from the checkpoints that were signed before; one
that was shortened or put back to an older copy, together with its own list of checkpoints, only from those that were
kept outside. So each checkpoint that is given says more than the database can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import NamedTuple

from api.audit.cosigned import cosignatures
from api.audit.given import Given
from api.audit.recomputing import Recomputing, State, unexpected_tiles
from api.audit.source import Source
from api.audit.verdict import Fault, Verdict
from ledger.store import StoreUnavailable, microseconds
from ledger.transparency import checkpoint as checkpoints
from ledger.transparency import note as notes
from ledger.transparency.checkpoint import Checkpoint
from ledger.transparency.faults import Disproven, Malformed
from ledger.transparency.note import VerifierKey

_AT_ONCE = 10_000


class _Claim(NamedTuple):
    """That the tree had this head at that size, and who says so."""

    where: str
    subject: str
    checkpoint: Checkpoint


def verify(
    source: Source,
    given: Sequence[Given],
    keys: Iterable[VerifierKey],
    state: State,
    tell: Callable[[State, int], None],
    witnesses: Iterable[VerifierKey] = (),
) -> Verdict:
    """
    Recompute the log of *source* from *state* on, and hold it against its checkpoints and those *given*.

    Cosignatures of *witnesses* are checked, too.
    """
    claims, faults = _published(source, {*source.keys(), *keys})
    newest = source.published.newest()
    origin = None if newest is None else newest.checkpoint.origin
    claims += [_Claim(one.where, "outside", one.checkpoint) for one in given]
    before, in_tree = source.store.head(), source.tree.size()
    head = source.store.head()
    if head and not in_tree and not claims:
        raise StoreUnavailable("the facts are in no tree yet, so there is nothing to check; `ledger serve` makes it")
    published = max([0, *(one.checkpoint.size for one in claims if not _given_up(one, origin))])
    faults += _between(before if source.embedded else min(published, head), in_tree, head)
    resumed_at, began = state.facts, perf_counter()
    recomputing = Recomputing(source, state, (claim.checkpoint.size for claim in claims), head)
    fault = recomputing.run(lambda now: tell(now, head)) or unexpected_tiles(source)
    took = max(perf_counter() - began, 1e-9)
    if fault is not None:
        faults.insert(0, fault)
    wrong, aside = _held_against(claims, state, head, origin)
    cosigned = cosignatures(source, witnesses)
    faults += [*wrong, *cosigned.faults]
    return Verdict(
        facts=state.facts,
        root=notes.encoded(state.roots[state.facts]) if state.facts in state.roots else "",
        streams=len(state.versions),
        checkpoints=len(claims) - len(given),
        against=len(given),
        cosignatures=cosigned.verified,
        missing=max([0, *(one.checkpoint.size - head for one in claims if not _given_up(one, origin))]),
        resumed_at=resumed_at,
        facts_per_second=round((state.facts - resumed_at) / took),
        first_bad_index=min((one.index for one in faults if one.index is not None), default=None),
        faults=faults,
        not_looked_at=[*aside, *cosigned.not_looked_at],
    )


def _published(source: Source, keys: Iterable[VerifierKey]) -> tuple[list[_Claim], list[Fault]]:
    """Return the checkpoints that the database keeps, and what is wrong with them in themselves."""
    trusted = list(keys)
    claims: list[_Claim] = []
    faults: list[Fault] = []
    after = -1
    try:
        while some := source.published.after(after, _AT_ONCE):
            after = microseconds(some[-1].at)
            for row, text, _ in some:
                where = f"the stored checkpoint of size {row.size}"
                try:
                    checkpoint = checkpoints.opened(text.encode(), trusted)[0]
                except (Malformed, Disproven) as error:
                    said = str(error).rstrip(".")
                    faults.append(Fault(subject="checkpoint", sentence=f"{where} cannot be believed: {said}"))
                    continue
                if checkpoint != row._replace(extensions=checkpoint.extensions):
                    faults.append(Fault(subject="checkpoint", sentence=f"{where} is not what its signed text says"))
                claims.append(_Claim(where, "checkpoint", checkpoint))
    except (TypeError, ValueError, AttributeError, OverflowError):
        faults.append(Fault(subject="checkpoint", sentence="the list of checkpoints cannot be read"))
    return claims, faults


def _between(at_least: int, in_tree: int, head: int) -> list[Fault]:
    """Return what is wrong between the number of facts and the size of the tree, which should be *at_least*."""
    if in_tree > head:
        sentence = f"the tree holds {in_tree} facts, but only {head} are there: {in_tree - head} are missing at the end"
        return [Fault(index=head, subject="fact", sentence=sentence)]
    if in_tree < at_least:
        sentence = f"the facts from position {in_tree + 1} on are not in the tree: added past the ledger, or taken out"
        return [Fault(index=in_tree, subject="tile", sentence=sentence)]
    return []


def _held_against(
    claims: Sequence[_Claim], state: State, head: int, origin: str | None
) -> tuple[list[Fault], list[str]]:
    """Return which checkpoints are not how the log began, and which could not be held against it."""
    faults: list[Fault] = []
    aside: list[str] = []
    agreed = 0
    for where, subject, checkpoint in sorted(claims, key=lambda claim: claim.checkpoint.size):
        size = checkpoint.size
        given_up = _given_up(_Claim(where, subject, checkpoint), origin)
        if size > head:
            if given_up:
                aside.append(f"{where} is of the log {checkpoint.origin}, which was given up")
                continue
            sentence = (
                f"{where} covers {size} facts, but only {head} are there: {size - head} published facts are missing"
            )
            faults.append(Fault(index=head, subject=subject, sentence=sentence))
        elif size not in state.roots:
            aside.append(f"{where} lies beyond what could be read")
        elif state.roots[size] == checkpoint.root:
            agreed = max(agreed, size)
        elif given_up:
            aside.append(f"{where} is of the log {checkpoint.origin}, whose history was given up")
        else:
            sentence = f"{where} has another root: what stands from index {agreed} up to {size - 1} was rewritten"
            faults.append(Fault(index=agreed, subject=subject, sentence=sentence))
    return faults, aside


def _given_up(claim: _Claim, origin: str | None) -> bool:
    """Whether the ledger itself says that it began anew since, under another origin."""
    return claim.subject == "checkpoint" and claim.checkpoint.origin != origin
