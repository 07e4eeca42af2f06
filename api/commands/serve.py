"""`ledger serve` and `ledger demo`: the HTTP API, with its followers in the same process."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.options import database_option

_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command("serve")
@_HOST
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any that is free."
)
@click.option("--threads", type=click.IntRange(1, 256), default=8, show_default=True, help="Requests answered at once.")
@click.option("--published-on-loopback", is_flag=True, help="HOST is within a container, published on loopback alone.")
@database_option
def serve_(host: str, port: int, threads: int, published_on_loopback: bool) -> None:
    """Serve the HTTP API until interrupted; where LEDGER_KAFKA is set, what follows is left to `ledger run`."""
    from datetime import timedelta

    from api.commands.opening import opened
    from api.keys import create_key
    from api.serving import only_loopback, serve

    if not published_on_loopback:
        only_loopback(host)
    with opened() as at:
        if not at.ledger.identities.keys():
            made = create_key(at.ledger, "operator", "operator", expires=at.ledger.now() + timedelta(days=1))
            click.echo(f"A key to begin with, shown this once, good for a day: {made.key} (operator)", err=True)

        def listening(address: str) -> None:
            click.echo(f"Listening on {address}")

        serve(at.ledger, at.views, at.followers, host, port, listening, threads, at.following, at.log)


@click.command("demo")
@_HOST
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Another where it is taken."
)
@click.option("--directory", type=_DIRECTORY, help="Where to keep the sample; default: a directory that goes with it.")
def demo_(host: str, port: int, directory: Path | None) -> None:
    """Serve a sample programme with learners, keys for every role, and a tour by curl."""
    from contextlib import ExitStack
    from tempfile import TemporaryDirectory

    from api.demo.start import demonstrate
    from api.serving import only_loopback

    only_loopback(host)
    with ExitStack() as stack:
        kept = directory or Path(stack.enter_context(TemporaryDirectory(prefix="ledger-demo-")))
        demonstrate(kept, host, port, click.echo)
