"""What an audit found: what was looked at, and what is wrong, the first bad place first."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `index` is where in the log: the position less one; None where that is unknown."""

    subject: str
    sentence: str
    index: int | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """
    What `ledger audit verify` says.

    `facts` were read again, and make a tree of that size with this `root`; `missing` of those that were published are
    not there. `cosignatures` of witnesses verified. `resumed_at` is how many had been read by an earlier run that was
    interrupted.
    """

    facts: int
    root: str
    streams: int
    checkpoints: int
    against: int
    cosignatures: int
    missing: int
    resumed_at: int
    facts_per_second: int
    first_bad_index: int | None
    faults: list[Fault]
    not_looked_at: list[str]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults
