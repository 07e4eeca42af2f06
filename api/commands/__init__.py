"""
The `ledger` command line.

Commands are imported when they run, so that `ledger --help` is quick. Exit codes: 0 done, 2 usage or unusable input,
3 disproven, 4 could not be done or checked. What goes wrong is one sentence on stderr, never a traceback.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from api.commands.options import database_option

_COMMANDS = {
    "init": ("operations", "Make an empty ledger."),
    "serve": ("serve", "Serve the HTTP API."),
    "demo": ("serve", "Serve a sample programme on loopback, with keys and a tour."),
    "import": ("imports", "Import a catalogue, results or a competency framework."),
    "stacks": ("stacks", "Preview what a stack's rule would do."),
    "blast": ("blast", "Show how far a doubt reaches, stacks included; carry it out as reviews."),
    "batches": ("batches", "List, show and undo imported batches."),
    "transcript": ("learners", "Show a learner's transcript."),
    "progress": ("learners", "Show what a learner has of each milestone, and what is missing."),
    "awards": ("awards", "List awards."),
    "why": ("awards", "Explain an award: rule, awards, judgements, evidence."),
    "audit": ("audit", "Replay, compare, search and prove what the ledger holds."),
    "stats": ("operations", "Count what the ledger holds."),
    "rebuild": ("operations", "Rebuild all views from the facts."),
    "doctor": ("operations", "Check that the ledger is whole and its followers keep up."),
    "keys": ("keys", "Make, list and withdraw API keys."),
    "backup": ("backup", "Back up a ledger in SQLite files while it is in use."),
    "restore": ("backup", "Put a backup back; say what is missing of the published facts."),
    "migrate": ("migrate", "Make PostgreSQL's schemas and Kafka's topics, or bring them up to date."),
    "copy": ("copy", "Copy a ledger from SQLite files to PostgreSQL."),
    "run": ("run", "Run a process of a scaled ledger: projector, sequencer, relay, awarder or intake."),
    "resend": ("resend", "Have Kafka's topics filled again from the log."),
    "lag": ("lag", "Show how far everything that follows the log is behind it."),
    "witness": ("witness", "Cosign the checkpoints of ledgers, as somebody outside."),
    "deadletters": ("deadletters", "List, show, retry and skip messages that could not be taken in."),
}


class LazyGroup(click.Group):
    """Subcommands of which only the one that runs is imported; faults become sentences and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"api.commands.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # the last door: nobody at a terminal can act on a traceback
            from api.commands.faults import explained

            raise explained(error) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="competency-ledger", prog_name="ledger")
@database_option
def main() -> None:
    """Keep a ledger of evidence, assessments, awards and the milestones they stack into."""
