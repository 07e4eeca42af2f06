"""What is written is true: pages made from the code are current, links lead somewhere, everything is mentioned."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import click
import pytest

from ledger.errors import Refused
from ledger.event import catalogue_of_events
from tests.house.command_page import commands
from tests.house.generated import DOCS, PAGES

ROOT = DOCS.parent
WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NAMED_FILE = re.compile(r"\b((?:ledger|projections|consumers|api|tests|docs)/[\w/.-]*\w)")
SETTING = re.compile(r"\bLEDGER_[A-Z_]+\b")


@pytest.mark.parametrize("name", PAGES)
def test_pages_made_from_the_code_are_current(name: str) -> None:
    assert PAGES[name]() == text(DOCS / name), f"`make docs` renews docs/{name}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(text(page)) if not leads_somewhere(page, link)]

    assert [] == broken


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [name for name in NAMED_FILE.findall(text(page)) if not (ROOT / name).exists()]

    assert [] == missing


def test_every_command_is_documented() -> None:
    missing = [path for path, _ in commands() if f"`{path}" not in everything()]

    assert [] == missing


def test_help_says_what_every_option_is_for() -> None:
    silent = [
        f"{path} {option.opts[-1]}"
        for path, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert [] == silent


def test_every_request_is_documented() -> None:
    paths = json.loads(text(DOCS / "openapi.json"))["paths"]

    assert [] == [path for path in paths if f"{path}`" not in text(DOCS / "http.md")]


def test_every_setting_is_documented() -> None:
    read = {
        name for code in ROOT.glob("[!.]*/**/*.py") if "tests" not in code.parts for name in SETTING.findall(text(code))
    }

    assert set() == read - set(SETTING.findall(text(DOCS / "operating.md")))


def test_every_fact_is_documented() -> None:
    page = text(DOCS / "events.md")

    assert [] == [name for name in catalogue_of_events() if f"`{name}`" not in page]


def test_every_refusal_says_its_rule_in_a_sentence() -> None:
    silent = [cls.__name__ for cls in refusals(Refused) if not (cls.__doc__ or "").strip().endswith(".")]

    assert [] == silent


def refusals(cls: type[Refused]) -> list[type[Refused]]:
    return [cls, *(below for child in cls.__subclasses__() for below in refusals(child))]


def leads_somewhere(page: Path, link: str) -> bool:
    if "://" in link:
        return True
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return False
    return not anchor or anchor in {slug(heading) for heading in HEADING.findall(text(target))}


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def everything() -> str:
    return "\n".join(text(page) for page in WRITTEN)


@cache
def text(path: Path) -> str:
    return path.read_text("utf-8")
