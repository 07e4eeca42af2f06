"""`ledger audit check`: needs neither the ledger nor a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands.auditing.trusting import FILE, key_option, witness_option
from api.commands.options import json_option

if TYPE_CHECKING:
    from ledger.transparency.note import VerifierKey

_PROOF = b"c2sp.org/tlog-proof@"
_ARCHIVE = b"PK"
_LARGEST = 64 * 1024 * 1024


@click.command("check")
@click.argument("file", type=FILE)
@key_option
@witness_option
@json_option
def check_(file: Path, keys: tuple[str, ...], witnesses: tuple[str, ...], as_json: bool) -> None:
    """
    Check FILE, a proof, a bundle or a checkpoint, with nothing but the log's key.

    0: proven. 3: disproven. 4: it could not be checked. With --witness, each of those must have cosigned.
    """
    from api.commands.auditing.trusting import keys_of_logs, keys_of_witnesses
    from api.commands.faults import Unusable
    from api.commands.output import show_json

    trusted, cosigners = keys_of_logs(keys), keys_of_witnesses(witnesses)
    if not trusted:
        raise Unusable("Name the log's verifier key with --key; take it from elsewhere than from what is checked.")
    what, found, sentence = _checked(file, trusted, cosigners)
    if as_json:
        show_json({"proven": True, "what": what, "found": found})
        return
    click.echo(sentence)
    click.echo(f"Signed by {', '.join(found.signed_by)}.")
    cosigned = ", ".join(found.cosigned_by)
    click.echo(f"Cosigned by {cosigned}." if cosigned else "No cosignature was asked for (--witness).")


def _checked(file: Path, keys: list[VerifierKey], witnesses: list[VerifierKey]) -> tuple[str, Any, str]:
    from api.audit import checking, proofs
    from ledger.transparency.faults import Malformed

    data = b"" if file.is_dir() else _read(file)
    if file.is_dir() or data.startswith(_ARCHIVE):
        bundle = checking.check(file, keys, witnesses)
        claim = bundle.claim
        return claim.kind, bundle, f"Proven: these {bundle.facts} facts are {claim.about} of {claim.origin}."
    if len(data) > _LARGEST:
        raise Malformed(f"{file} is too large to be a proof or a checkpoint.")
    if data.startswith(_PROOF):
        proof = proofs.check(data, keys, witnesses)
        fact = f"{proof.envelope.name}, version {proof.envelope.version} of {proof.envelope.stream}"
        when = f"recorded at {proof.envelope.recorded_at}"
        sentence = (
            f"Proven: {fact}, {when}, stands at index {proof.index} of {proof.origin}.\n"
            "It proves that this was recorded. Whether the award still counts, the badge or the college says."
        )
        return "proof", proof, sentence
    checkpoint = proofs.check_checkpoint(data, keys, witnesses)
    return "checkpoint", checkpoint, f"Proven: {checkpoint.origin} had {checkpoint.size} facts, root {checkpoint.root}."


def _read(file: Path) -> bytes:
    """Return the content of *file*, which may be a pipe; of an archive, no more than how it begins."""
    with file.open("rb") as opened:
        start = opened.read(len(_PROOF))
        return start if start.startswith(_ARCHIVE) else start + opened.read(_LARGEST + 1 - len(start))
