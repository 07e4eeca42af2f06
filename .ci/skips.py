"""Count what ran, and fail when a test was skipped that this machine could have run."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

SHARED = Path(os.environ.get("LEDGER_SHARED", Path(__file__).parents[2] / "shared"))
ABSENT = "shared/ is not here"
# Over PostgreSQL, what is about files alone is left out; it ran before.
IN_FILES = ("postgresql.xml", "about SQLite files")


def unexpected(report: Path) -> list[str]:
    """Say what *report* (JUnit XML written by our own pytest) holds, and return the skips nobody accounts for."""
    if not report.exists():
        return [f"{report} was not written: the tests did not run to their end"]
    suite = next(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    sys.stdout.write(f"{report.name}: " + ", ".join(f"{number} {name}" for name, number in counts.items()) + "\n")
    if not counts["tests"]:
        return [f"{report} holds no tests"]
    found = []
    for case in suite.iter("testcase"):
        for skip in case.iter("skipped"):
            why = skip.get("message", "")
            accounted = (ABSENT in why and not SHARED.is_dir()) or (report.name == IN_FILES[0] and IN_FILES[1] in why)
            if not accounted:
                found.append(f"{case.get('classname')}::{case.get('name')}: {why}")
    return found


def main(paths: list[str]) -> int:
    """Print every unexpected skip; 1 when there is one."""
    found = [line for path in paths for line in unexpected(Path(path))]
    sys.stdout.writelines(f"unexpected skip: {line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
