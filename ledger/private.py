"""
Personal text inside a fact: sealed under the learner's key, so that the key's destruction erases it.

Stored as `{"sealed": "<base64 of 12 bytes of nonce, ciphertext, 16 bytes of tag>"}`;
how sealing is done is kept in `ledger/keys.py`.
"""

from __future__ import annotations

import msgspec


class Private(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """
    Personal text: `plain` on its way into the ledger, `sealed` for ever after.

    Sealing happens once, when the fact is made; what is read back keeps the sealed bytes,
    so that stored bytes stay the same through retries and replays.
    """

    sealed: bytes = b""
    plain: str | None = None

    def __repr__(self) -> str:
        """Say only whether it is sealed, so that nothing personal reaches a log or a traceback."""
        return "Private(sealed)" if self.sealed else "Private(plain)"


def private(text: str | None) -> Private | None:
    """Wrap *text* for a command; nothing stays nothing."""
    return Private(plain=text) if text else None
