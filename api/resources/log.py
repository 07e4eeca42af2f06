"""The transparency log: its newest checkpoint, its tiles, proofs and keys; https://c2sp.org/tlog-tiles."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from marshmallow import ValidationError

from api.acting import ledger
from api.answers import answer, described
from api.door import Door
from api.problem_kinds import NOT_FOUND
from api.problems import Problem
from api.schemas.log import ConsistencySchema, InclusionSchema
from api.schemas.records import ConsistencyProof, Covered, InclusionProof, InLog, LogKey, LogKeys
from ledger.store import StoreUnavailable
from ledger.transparency import leaf, tiles
from ledger.transparency.faults import Malformed
from ledger.transparency.log import Log
from ledger.transparency.note import encoded
from ledger.transparency.tiles import ENTRIES, Tile

blueprint = Door("log", __name__, description="Proof that history was not rewritten.")
_FOR_EVER = "public, max-age=31536000, immutable"
_TEXT = "text/plain"
_BYTES = "application/octet-stream"
_BINARY = {"type": "string", "format": "binary"}


def log() -> Log:
    """Return the transparency log; StoreUnavailable in a process that has none."""
    found: Log | None = current_app.extensions["log"]
    if found is None:
        raise StoreUnavailable("this process keeps no transparency log")
    return found


def in_log(position: int) -> InLog | None:
    """Return how far the fact at *position* is on its way into the published log; None where none is kept."""
    found: Log | None = current_app.extensions["log"]
    if found is None:
        return None
    (stored,) = ledger().store.read_log(position - 1, 1)
    place = found.place(position)
    published = place.published and Covered(size=place.published.checkpoint.size, at=place.published.at)
    return InLog(index=place.index, recorded_at=stored.recorded_at, sequenced=place.sequenced, published=published)


@blueprint.get("/checkpoint")
@blueprint.response(200, {"type": "string"}, content_type=_TEXT)
@blueprint.alt_response(404, response="Problem404")
@blueprint.alt_response(503, response="Problem503")
def checkpoint() -> Response:
    """Give the newest checkpoint: size and root of the log, signed, with the cosignatures of witnesses."""
    published = log().published
    newest = published.newest()
    if newest is None:
        raise Problem(NOT_FOUND, "No checkpoint has been published yet.")
    return Response(published.cosigned(newest), mimetype=_TEXT)


@blueprint.get("/tile/<level>/<path:name>")
@blueprint.response(200, _BINARY, content_type=_BYTES)
@blueprint.alt_response(404, response="Problem404")
@blueprint.alt_response(503, response="Problem503")
def tile(level: str, name: str) -> Response:
    """Give a tile of the tree: up to 256 hashes of 32 bytes. Its name is `<N>`, or `<N>.p/<W>` where it is not full."""
    wanted = _tile(level, name)
    hashes = log().tree.hashes(wanted.level, wanted.nth, wanted.width)
    return Response(hashes, mimetype=_BYTES, headers={"Cache-Control": _FOR_EVER})


@blueprint.get("/tile/entries/<path:name>")
@blueprint.response(200, _BINARY, content_type=_BYTES)
def entries(name: str) -> Response:
    """Give a bundle of entries: up to 256 envelopes of facts, each after its length in two bytes."""
    wanted = _tile("entries", name)
    facts = ledger().store.read_log(wanted.start, wanted.width)
    return Response(tiles.bundle(map(leaf.entry_of, facts)), mimetype=_BYTES)


@blueprint.get("/log/proof/inclusion")
@blueprint.arguments(InclusionSchema, location="query")
@blueprint.response(200, described(InclusionProof))
@blueprint.alt_response(404, response="Problem404")
@blueprint.alt_response(503, response="Problem503")
def inclusion(query: dict[str, Any]) -> Response:
    """Prove that the leaf at an index is in the tree of a size; without one, in that of the newest checkpoint."""
    index, size = query["index"], _size(query.get("size"))
    if index >= size:
        raise ValidationError({"index": [f"must be below the size, {size}"]})
    tree = log().tree
    path = tree.inclusion(index, size)
    hashes = [encoded(one) for one in path]
    answered = InclusionProof(
        index=index, size=size, leaf_hash=encoded(tree.node(index, 0)), hashes=hashes, root=encoded(tree.root(size))
    )
    return answer(answered)


@blueprint.get("/log/proof/consistency")
@blueprint.arguments(ConsistencySchema, location="query")
@blueprint.response(200, described(ConsistencyProof))
@blueprint.alt_response(404, response="Problem404")
@blueprint.alt_response(503, response="Problem503")
def consistency(query: dict[str, Any]) -> Response:
    """Prove that the tree of one size is how that of another began; without `to`, that of the newest checkpoint."""
    first, second = query["from_"], _size(query.get("to"))
    if first > second:
        raise ValidationError({"from": [f"must be at most the later size, {second}"]})
    tree = log().tree
    hashes = [encoded(one) for one in tree.consistency(first, second)]
    roots = encoded(tree.root(first)), encoded(tree.root(second))
    return answer(
        ConsistencyProof(from_size=first, to_size=second, hashes=hashes, from_root=roots[0], to_root=roots[1])
    )


@blueprint.get("/log/keys")
@blueprint.response(200, described(LogKeys))
@blueprint.alt_response(503, response="Problem503")
def keys() -> Response:
    """Show the log's origin and its verifier keys, those that sign no more included."""
    published = log().published
    newest = published.newest()
    found = [LogKey(verifier=key.verifier, made_at=key.made_at, until=key.until) for key in published.verifiers()]
    return answer(LogKeys(origin=newest and newest.checkpoint.origin, keys=found))


def _tile(level: str, name: str) -> Tile:
    """Return the tile that the address names, once it is seen to be there."""
    try:
        wanted = tiles.read_path(f"tile/{level}/{name}")
    except Malformed as error:
        raise Problem(NOT_FOUND, str(error)) from None
    size = log().tree.size()
    if wanted.width > tiles.width_at(0 if wanted.level == ENTRIES else wanted.level, wanted.nth, size):
        raise Problem(NOT_FOUND, f"There is no such tile in a tree of {size}.")
    return wanted


def _size(wanted: int | None) -> int:
    """Return the size that was asked for, once the tree is seen to be as large."""
    if wanted is None:
        newest = log().published.newest()
        if newest is None:
            raise Problem(NOT_FOUND, "No checkpoint has been published yet; name a size.")
        return newest.checkpoint.size
    size = log().tree.size()
    if wanted > size:
        raise Problem(NOT_FOUND, f"There is no tree of size {wanted} yet; it has {size} leaves.")
    return wanted
