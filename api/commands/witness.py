"""`ledger witness`: a second program, for a partner outside the college. It needs no ledger and reads none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flask import Flask

    from ledger.transparency.note import VerifierKey
    from ledger.transparency.witness import Witness

_THREADS = 4
_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("witness"),
    show_default=True,
    help="Where the key, the list of logs and what was seen of them are kept.",
)


@click.group("witness")
def witness_() -> None:
    """Cosign the checkpoints of ledgers that grew as they should, as somebody outside."""


@witness_.command("init")
@click.argument("name")
@click.option("--log", "logs", metavar="VKEY", multiple=True, help="The verifier key of a log; may be given again.")
@_directory
def init_(name: str, logs: tuple[str, ...], directory: Path) -> None:
    """Make the key of a new witness under NAME, an address without `https://`, and show its public half."""
    from ledger.transparency.cosigning import make

    for text in logs:
        _key_of_log(text)
    made = make(directory / "key", name)
    with (directory / "logs").open("a", encoding="utf-8") as file:
        file.write("# A verifier key of a log to a line; read when the witness starts.\n")
        file.writelines(f"{text}\n" for text in logs)
    click.echo(made.verifier)


@witness_.command("key")
@_directory
def key_(directory: Path) -> None:
    """Show the public half of the witness's key, which logs and auditors need."""
    from ledger.transparency.cosigning import load

    click.echo(load(directory / "key").verifier)


@witness_.command("seen")
@_directory
def seen_(directory: Path) -> None:
    """Show the largest checkpoint of each log as it was cosigned, to check a ledger against."""
    from contextlib import closing

    from api.commands.faults import Unusable
    from ledger.transparency.witness import Seen

    if not (directory / "seen.db").exists():
        raise Unusable(f"No witness has run in {directory} yet.")
    with closing(Seen(directory / "seen.db")) as seen:
        newest = list(seen.newest())
    if not newest:
        click.echo("Nothing was cosigned yet.", err=True)
    for note in newest:
        click.echo(note, nl=False)


@witness_.command("run")
@click.option("--host", default="127.0.0.1", show_default=True, help="Put a proxy with TLS before any other.")
@click.option("--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0 takes any.")
@_directory
def run_(host: str, port: int, directory: Path) -> None:
    """Answer `POST /add-checkpoint` (c2sp.org/tlog-witness) until interrupted."""
    import signal
    import time
    from contextlib import closing

    from waitress import create_server

    from api.commands.faults import Unusable
    from ledger.transparency.cosigning import load
    from ledger.transparency.witness import LARGEST_REQUEST, Seen, Witness

    cosigner, logs = load(directory / "key"), _logs(directory / "logs")
    if not logs:
        raise Unusable(f"{directory / 'logs'} names no log; add a line with its verifier key.")
    with closing(Seen(directory / "seen.db")) as seen:
        app = app_of(Witness(cosigner, logs, seen, time.time))
        try:
            server = create_server(
                app, host=host, port=port, threads=_THREADS, ident=None, max_request_body_size=LARGEST_REQUEST
            )
        except OSError as error:
            raise Unusable(f"Port {port} of {host} cannot be had: {error.strerror}.") from None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        try:
            click.echo(f"{cosigner.verifier.name} listens on http://{host}:{server.effective_port}")
            server.run()
        finally:
            server.close()


def app_of(witness: Witness) -> Flask:
    """Return the one endpoint over *witness*."""
    from flask import Flask, Response, request

    from ledger.transparency.witness import LARGEST_REQUEST

    app = Flask("witness", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST

    @app.post("/add-checkpoint")
    def add_checkpoint() -> Response:
        answer = witness.add_checkpoint(request.get_data(cache=False))
        return Response(answer.text, status=answer.status, content_type=answer.media_type)

    return app


def _logs(path: Path) -> list[VerifierKey]:
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
    return [_key_of_log(line.strip()) for line in lines if line.strip() and not line.startswith("#")]


def _key_of_log(text: str) -> VerifierKey:
    from api.commands.faults import Unusable
    from ledger.transparency import note as notes
    from ledger.transparency.faults import Malformed

    try:
        key = notes.read_key(text)
    except Malformed as error:
        raise Unusable(str(error)) from None
    if key.kind != notes.ED25519:
        raise Unusable(f"{key.name} is the key of a witness, not of a log.")
    return key


def _stop(*_: object) -> None:
    raise SystemExit(0)
