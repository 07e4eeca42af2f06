"""`ledger audit`: what auditors replay, compare, search and prove; each subcommand is imported when it runs."""

from __future__ import annotations

from importlib import import_module

import click

from api.commands.options import database_option

_COMMANDS = {
    "replay": "Rebuild the state as of a moment, and show it.",
    "compare": "Rebuild every view and report rows that differ from the live ones.",
    "diff": "Say what changed between two moments.",
    "search": "Find facts by type, actor, learner, achievement, time, and words.",
    "checkpoint": "Show the newest signed checkpoint, or write it to a file.",
    "verify": "Recompute the whole log from its stored bytes, and hold it against checkpoints.",
    "consistency": "Prove that the log of one checkpoint is how that of another began.",
    "prove": "Write a proof that an award stands in the log.",
    "complete": "Write a proof that these are all the facts of a learner, or of a period.",
    "export": "Write a bundle that can be checked without the ledger.",
    "check": "Check a proof, a bundle or a checkpoint, without database or network.",
    "keys": "Show the transparency log's verifier keys, or add a new key.",
    "accept-head": "Accept a head that does not follow from the published one; the log begins anew.",
}


class LazySubcommands(click.Group):
    """Subcommands by name, each in a module of `api.commands.auditing` that has its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"api.commands.auditing.{module}"), f"{module}_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group("audit", cls=LazySubcommands)
@database_option
def audit_() -> None:
    """Replay, compare, search and explain what the ledger holds. Reads are recorded."""
