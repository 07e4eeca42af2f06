"""
The transparency log: a Merkle tree over all facts, whose signed heads leave the house.

Whoever keeps one head can later tell whether history was rewritten, shortened or put back to an older copy; whoever
keeps a proof can tell that a fact was in it. What is written here follows RFC 9162 (the hashes and proofs) and
https://c2sp.org (tiles, signed notes, checkpoints, cosignatures, proof files).

The index of a leaf is its fact's position less one.
"""
