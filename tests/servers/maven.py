"""Apache Kafka from Maven Central: jars fetched once into a cache outside the repository, by this machine's Maven."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.servers import Unavailable

VERSION = "4.3.1"
_OLDEST_JAVA = 17
_FETCH_SECONDS = 600
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
_NO_ANSWER = re.compile(
    r"(?i)could not transfer|unknown host|unknownhost|timed? ?out|connection (?:refused|reset)|unreachable|no route|"
    r"name resolution|status code: 5\d\d|ssl"
)


class DoesNotAnswer(Unavailable):
    """Maven Central does not answer: nothing that this machine could do better."""


def java() -> str:
    """Return the machine's Java; Unavailable without one that Kafka 4 runs on."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        raise Unavailable(f"there is no Java; install a runtime of version {_OLDEST_JAVA} or newer")
    said = subprocess.run([found, "-version"], check=False, capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise Unavailable(f"{found} is too old; Kafka needs Java {_OLDEST_JAVA} or newer")
    return found


def mvn() -> str:
    """Return the machine's Maven."""
    found = shutil.which("mvn")
    if found is None:
        raise Unavailable("there is no `mvn` to fetch Kafka with; install Maven")
    return found


def cache() -> Path:
    """Return where the jars of this version are or will be."""
    chosen = os.environ.get("LEDGER_TEST_CACHE")
    above = Path(chosen) if chosen else Path.home() / ".cache" / "competency-ledger"
    return above / f"kafka-{VERSION}"


def fetched() -> Path:
    """Return the directory of the jars, fetched if they are not there yet; whoever comes meanwhile waits."""
    java()
    kept = cache()
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_name(f"{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            partial = kept.with_name(f"{kept.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            _fetch(partial)
            partial.rename(kept)
    return kept


def _fetch(into: Path) -> None:
    into.mkdir()
    (into / "pom.xml").write_text(_POM)
    _mvn(into, f"{_PLUGIN}:copy-dependencies", "-DincludeScope=runtime")
    # Kafka brings slf4j without anything that writes; of the two lines, 1.7 and 2, each needs its own.
    api = next(into.glob("slf4j-api-*.jar")).stem.removeprefix("slf4j-api-")
    _mvn(into, f"{_PLUGIN}:copy", f"-Dartifact=org.slf4j:slf4j-simple:{api}")


def _mvn(into: Path, *goal: str) -> None:
    # -U: what could not be had an hour ago is asked for again.
    command = [
        mvn(),
        "-B",
        "-q",
        "-U",
        "-Dstyle.color=never",
        "-f",
        str(into / "pom.xml"),
        *goal,
        f"-DoutputDirectory={into}",
    ]
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DoesNotAnswer(f"Maven Central did not give Kafka {VERSION} within {_FETCH_SECONDS} s") from error
    if ran.returncode:
        said = next((line for line in ran.stdout.splitlines() if "ERROR" in line), ran.stderr.strip()[-300:])
        if _NO_ANSWER.search(ran.stdout):
            raise DoesNotAnswer(f"Maven Central does not answer: {said}")
        raise Unavailable(f"Maven could not fetch Kafka {VERSION}: {said}")
