"""The page `docs/commands.md`: every command of the command line with its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator

import click

from api.commands import main

_INTRODUCTION = """\
# The command line

`ledger [--database URL] COMMAND`.
Which ledger: `--database sqlite:///FILE`, before or after the command; else `LEDGER_DATABASE_URL`; else `ledger.db`.
`--json` answers for programs; lists are `{"items": […], "next": …}`, and `--after` takes `next`.
Exit codes: 0 done, 2 usage or unusable input, 3 disproven, 4 could not be done or checked.
Long work draws a bar on stderr, where that is a terminal; with `TERM=dumb` none.

This page is made from the code by `make docs`.
"""
_EVERYWHERE = ("database", "as_json", "help")


def command_page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *(line for one in commands() for line in _entry(*one))]).rstrip() + "\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, by its full name."""
    yield from _below(main, click.Context(main, info_name="ledger"))


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield context.command_path, command
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _below(below, click.Context(below, info_name=name, parent=context))


def _entry(path: str, command: click.Command) -> Iterator[str]:
    arguments = [f" {one.human_readable_name}" for one in command.params if isinstance(one, click.Argument)]
    yield f"## `{path}{''.join(arguments)}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    options = [one for one in command.params if isinstance(one, click.Option) and one.name not in _EVERYWHERE]
    if options:
        yield "| option | means |"
        yield "|---|---|"
        for option in options:
            yield f"| `{_written(option)}` | {_meaning(option)} |"
        yield ""


def _written(option: click.Option) -> str:
    if option.is_flag:
        return option.opts[-1]
    return f"{option.opts[-1]} {option.metavar or (option.name or '').upper()}"


def _meaning(option: click.Option) -> str:
    said = [option.help or ""]
    if isinstance(option.type, click.Choice):
        said.append(" · ".join(f"`{choice}`" for choice in option.type.choices) + ".")
    if option.required:
        said.append("Needed.")
    elif option.show_default:
        said.append(f"Default: {option.default}.")
    return " ".join(part for part in said if part) or "–"
