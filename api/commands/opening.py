"""The ledger as a command sees it: opened, and with its views caught up before anything is read from them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from api.commands.faults import Unusable
from api.commands.options import database
from api.commands.progress import Progress, progress
from consumers.following import Following
from consumers.positions import Positions
from consumers.run import Followers
from consumers.sequencer import Sequencer
from consumers.shipping import Shipping
from ledger import Ledger
from ledger.opening import exists
from ledger.settings import PostgresUrls, Settings
from ledger.transparency.log import Log
from projections.connection import Connection
from projections.views import Views


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger, its views and what follows it."""

    ledger: Ledger
    views: Views
    followers: Followers
    following: Following
    log: Log

    def follow(self) -> int:
        """Record all that follows from what stands there, let the views catch up, and return their position."""
        with progress("catching up") as tell:
            return self.followers.catch_up(tell)

    def settling(self, tell: Progress) -> Progress:
        """Settle at each step of long work too: the records that it touched are still at hand then."""

        def told(done: int, of: int) -> None:
            tell(done, of)
            self.followers.settling.catch_up()

        return told

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection to views that hold everything recorded so far."""
        self.follow()
        with self.views.reading() as connection:
            yield connection


@contextmanager
def opened(*, create: bool = False) -> Iterator[Opened]:
    """Open the ledger that the options or the environment name; with *create*, make it where there is none."""
    settings = Settings.from_environment(database=database())
    if not create and not exists(settings):
        raise Unusable(f"There is no ledger at {settings.database}; `{_maker(settings)}` makes one.")
    collect_less_often()
    with ExitStack() as ends:
        ledger = ends.enter_context(closing(Ledger.open(settings, create=create)))
        views = ends.enter_context(closing(Views.of_ledger(settings)))
        log = ends.enter_context(closing(Log.of_ledger(settings, ledger.store)))
        alone = settings.kafka is None
        sequencer = Sequencer.of_ledger(settings, log, ledger.store, ledger.now) if alone else None
        positions = Positions.of_ledger(settings)
        shipping = Shipping.of_ledger(settings, log, positions) if alone else None
        followers = Followers(ledger, views, positions, settles=alone, sequencer=sequencer, shipping=shipping)
        ends.enter_context(closing(followers))
        following = Following.of_ledger(settings, ledger.store, views, followers.positions, ledger.now, log.published)
        ends.enter_context(closing(following))
        yield Opened(ledger, views, followers, following, log)


def collect_less_often() -> None:
    """What is open holds few cycles and many lasting records: walking them over and over cost a fifth of an import."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def there_is_one() -> bool:
    """Whether there is a ledger where the options or the environment say."""
    return exists(Settings.from_environment(database=database()))


def _maker(settings: Settings) -> str:
    return "ledger migrate" if isinstance(settings.database, PostgresUrls) else "ledger init"


def refuse_report(report: Path, source: Path) -> None:
    """Raise `Unusable` where writing *report* would overwrite *source* or a file of the ledger, or cannot be done."""
    settings = Settings.from_environment(database=database())
    if _is(report, source):
        raise Unusable(f"The report would overwrite {source}; name another file.")
    if isinstance(settings.database, Path):
        logs = (settings.database, settings.keys, settings.identities, settings.followers)
        files = [Path(f"{log}{ending}") for log in logs for ending in ("", "-wal", "-shm", "-journal")]
        apart = [path for path in (settings.kek_file, settings.log_keys, settings.checkpoints) if path is not None]
        if any(_is(report, own) for own in (*files, *apart)) or _is_within(report, settings.views):
            raise Unusable(f"The report would overwrite {report}, a file of the ledger; name another.")
    if not report.resolve().parent.is_dir():
        raise Unusable(f"There is no directory {report.parent} for the report.")


def _is(one: Path, other: Path) -> bool:
    """Whether both name one file, also through links, and also where it is not there yet."""
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


def _is_within(file: Path, directory: Path) -> bool:
    return file.resolve().is_relative_to(directory.resolve())


def learner_id(ledger: Ledger, ref: str) -> str:
    """Return the learner known as *ref*, by the college's number or the ledger's own id."""
    return _account(ledger, "learner", ref)


def person_id(ledger: Ledger, ref: str) -> str:
    """Return the person known as *ref*, by the college's name or the ledger's own id."""
    return _account(ledger, "person", ref)


def _account(ledger: Ledger, kind: Literal["learner", "person"], ref: str) -> str:
    found = ledger.identities.find(kind, ref)
    if found is not None:
        return found
    profile = ledger.identities.profile(ref)
    if profile is None or profile.kind != kind:
        raise Unusable(f"No {kind} is known as {ref!r}.")
    return profile.id
