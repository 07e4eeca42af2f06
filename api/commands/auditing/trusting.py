"""What an auditor trusts: keys that are named, and files of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ledger.settings import Settings
from ledger.transparency import note as notes
from ledger.transparency.note import COSIGNATURE, ED25519, VerifierKey

FILE = click.Path(exists=True, path_type=Path)
key_option = click.option(
    "--key", "keys", metavar="VKEY", multiple=True, help="A verifier key of the log, from elsewhere; may be repeated."
)
witness_option = click.option(
    "--witness",
    "witnesses",
    metavar="VKEY",
    multiple=True,
    help="The key of a witness who must have cosigned; may be repeated.",
)
cosigner_option = click.option(
    "--witness",
    "witnesses",
    metavar="VKEY",
    multiple=True,
    help="The key of a witness whose cosignatures are to be checked, beside those of LEDGER_WITNESSES.",
)


def keys_of_logs(texts: Iterable[str]) -> list[VerifierKey]:
    """Return the keys that *texts* are; Unusable where one is no key of a log."""
    return [_of_kind(text, ED25519, "a log") for text in texts]


def keys_of_witnesses(texts: Iterable[str]) -> list[VerifierKey]:
    """Return the keys that *texts* are; Unusable where one is no key of a witness."""
    return [_of_kind(text, COSIGNATURE, "a witness") for text in texts]


def known_witnesses(texts: Iterable[str], settings: Settings) -> list[VerifierKey]:
    """Return the keys that *texts* are, and those of the witnesses that *settings* name."""
    return [*keys_of_witnesses(texts), *keys_of_witnesses(one.rpartition(" ")[2] for one in settings.witnesses)]


def _of_kind(text: str, kind: int, whose: str) -> VerifierKey:
    from api.commands.faults import Unusable
    from ledger.transparency.faults import Malformed

    try:
        key = notes.read_key(text)
    except Malformed as error:
        raise Unusable(str(error)) from None
    if key.kind != kind:
        raise Unusable(f"{key.name} is not the key of {whose}.")
    return key
