"""Rules of this house that no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ledger", "projections", "consumers", "api", "tests")
SAYS_NOTHING = {"utils", "helpers", "manager", "service", "base", "common", "data", "misc", "core"}
MAY_SAY_WHAT_IT_SERVES = {"api/commands/service.py"}
LONGEST = 400
MAY_BE_LONG = {"ledger/events.py"}


def test_names_of_files_say_what_is_in_them() -> None:
    empty = {str(path) for path in modules() if path.stem in SAYS_NOTHING} - MAY_SAY_WHAT_IT_SERVES

    assert set() == empty


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in modules() if (text := source(path)).strip() and not docstring(text)]

    assert [] == silent


def test_files_can_be_read_in_one_sitting() -> None:
    long = {str(path): lines for path in modules() if (lines := len(source(path).splitlines())) > LONGEST}

    assert {} == {path: lines for path, lines in long.items() if path not in MAY_BE_LONG}


def test_facts_flow_one_way() -> None:
    contracts = Path(sys.executable).with_name("lint-imports")
    kept = subprocess.run([contracts, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == kept.returncode, kept.stdout


def modules() -> list[Path]:
    return [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def source(path: Path) -> str:
    return (ROOT / path).read_text("utf-8")


def docstring(text: str) -> str | None:
    return ast.get_docstring(ast.parse(text))
