"""Rules of this house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("ledger", "projections", "consumers", "api", "tests")
SAYS_NOTHING = {"utils", "helpers", "manager", "service", "base", "common", "data", "misc", "core"}
LONGEST, LONGEST_TEST = 400, 500
MAY_BE_LONG = {"ledger/events.py"}


def test_names_of_files_say_what_is_in_them() -> None:
    empty = {str(path) for path in modules() if path.stem in SAYS_NOTHING}

    assert set() == empty


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in modules() if not is_test(path) and (text := source(path)) and not docstring(text)]

    assert [] == silent


def test_files_can_be_read_in_one_sitting() -> None:
    lines = {path: len(source(path).splitlines()) for path in modules() if str(path) not in MAY_BE_LONG}

    assert [] == [path for path, count in lines.items() if count > (LONGEST_TEST if is_test(path) else LONGEST)]


def test_every_part_has_its_place_in_the_architecture() -> None:
    told = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    parts = [path for package in PACKAGES[:-1] for path in sorted((ROOT / package).iterdir()) if is_part(path)]

    assert [] == [str(path.relative_to(ROOT)) for path in parts if path.name not in told]


def test_the_architecture_names_nothing_that_is_gone() -> None:
    told = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    there = {path.name for path in modules()}

    assert [] == [name for name in re.findall(r"[\w.]+\.py\b", told) if name not in there]


def test_no_law_fails_because_the_machine_is_busy() -> None:
    assert settings().deadline is None


def test_facts_flow_one_way() -> None:
    contracts = Path(sys.executable).with_name("lint-imports")
    kept = subprocess.run([contracts, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == kept.returncode, kept.stdout


def modules() -> list[Path]:
    return [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def is_part(path: Path) -> bool:
    return not path.name.startswith("__") and (path.is_dir() or path.suffix == ".py")


def is_test(path: Path) -> bool:
    return path.name.startswith("test_")


def source(path: Path) -> str:
    return (ROOT / path).read_text("utf-8")


def docstring(text: str) -> str | None:
    return ast.get_docstring(ast.parse(text))
