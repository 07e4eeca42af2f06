"""
Console blocks of a page, and the shell they run in.

A block holds commands, `$ …`, each followed by what it prints, standard error included.
`…` stands for anything within a line, and alone on a line for any number of lines.
A command may go on over several lines, which begin with `> `.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "--done--"


class Step(NamedTuple):
    """A command, and what it prints."""

    command: str
    output: str


def steps(page: str) -> list[Step]:
    """Return the steps of all console blocks of a page, in order."""
    found: list[Step] = []
    for block in _BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:], ""))
            elif line.startswith("> "):
                found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[2:]}")
            else:
                found[-1] = found[-1]._replace(output=f"{found[-1].output}{line}\n")
    return found


def fits(expected: str, printed: str) -> bool:
    """Whether what was printed is what was expected; spaces at the ends of lines do not count."""
    pattern = "".join(_line(line) for line in expected.splitlines())
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed.splitlines())) is not None


def _line(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"


class Shell:
    """One shell that goes on from step to step."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, command: str) -> str:
        """Run *command*; return what it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\necho {_DONE}\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if line.endswith(f"{_DONE}\n"):
                return printed + line.removesuffix(f"{_DONE}\n")
            printed += line
        return printed

    def close(self) -> None:
        """End the shell."""
        self._process.communicate()
