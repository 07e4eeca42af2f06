"""What the ledger answers to a command it carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """
    Where a command's facts stand: the stream's version after them, and their positions in the log.

    `position` is the last of them; of a command that recorded nothing new, that of the stream's last fact.
    `repeated` says that the command was carried out before, under the same idempotency key.
    """

    stream: str
    version: int
    position: int
    recorded: tuple[int, ...] = ()
    repeated: bool = False


class Keyed(NamedTuple):
    """The idempotency key that a command came under, and the request as it was sent, by which repetition is known."""

    key: str
    request: bytes
