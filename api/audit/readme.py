"""The page in a bundle that says how to check it."""

from __future__ import annotations

_WHAT = {
    "export": "every fact of the log up to position {end}",
    "learner": "all facts of one stream, and the envelope of every fact of the log up to position {end}",
    "period": "all facts recorded within a period, and the envelope of every fact from index {start} up to {last}",
}
_TEXT = """\
# A bundle of the log {origin}

It holds {what}, with the proof that this is how it was recorded.
`bundle.json` says what exactly it claims. Text about persons is sealed in it, and can be read by the college alone.

## With the program

    pip install competency-ledger/    # a checkout of the college's repository; no package index has it
    ledger audit check THIS --key VKEY [--witness VKEY]

No database and no network is needed. VKEY is the log's verifier key: take it from somewhere else than from here.
Every byte of the bundle is checked. 0 means proven, 3 disproven, 4 that it could not be checked.

## By hand

1. `checkpoint` is a signed note (c2sp.org/tlog-checkpoint): origin, size ({size}), root hash, signatures.
2. `tile/entries/N` holds the envelopes of facts, 256 to a file, each after its length in two bytes
   (c2sp.org/tlog-tiles). The leaf hash of one is SHA-256 of a zero byte and the envelope; hashes of two go up with a
   byte of one before them (RFC 9162, section 2.1). In an export `tile/0/N` has the hashes of leaves, and `tile/1/N` and
   so on those above.
3. `proof` has hashes in base64. {proof}
4. `facts/N.jsonl` has the facts, a line each, as they were stored: the SHA-256 of a line, without its end, is the
   `sha256` of its envelope. Lines stand in the order of the envelopes; facts that the bundle is not about are left out.
5. Within a stream the `version` of the envelopes counts from 1 without gaps, and `recorded_at` never runs backwards.
"""
_PROOF = {
    "export": "They prove (RFC 9162, section 2.1.4) that the tree over these envelopes is how the checkpoint's began.",
    "learner": "It is empty: the checkpoint covers just these envelopes.",
    "period": "They are the hashes over the widest parts of the tree beside these envelopes, from left to right.",
}


def readme(kind: str, origin: str, size: int, start: int, end: int) -> str:
    """Return the page of a bundle."""
    what = _WHAT[kind].format(start=start, end=end, last=end - 1)
    return _TEXT.format(origin=origin, what=what, size=size, proof=_PROOF[kind])
