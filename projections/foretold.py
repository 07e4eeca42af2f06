"""What a preview foresees of one learner's milestone, and what a doubt does to an award, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ledger.catalogue import Catalogue
from ledger.doubt import Affected, Falling, Fate
from ledger.foresight import Foreseen
from projections.wording import ACTS, day, listed

Named = Callable[[str], str]


def names(catalogue: Catalogue) -> Named:
    """Return what gives the name of an achievement: of its newest published version, else of its draft."""

    def named(achievement_id: str) -> str:
        record = catalogue.achievements.get(achievement_id)
        if record is None or not record.newest:
            return achievement_id
        return record.versions[record.published or record.newest].definition.name

    return named


def foretold(line: Foreseen, named: Named) -> str:
    """Say what would become of the milestone, and why."""
    milestone, rests = named(line.achievement_id), listed([named(one) for one in line.components])
    match line.why:
        case "completes":
            return f"{milestone} would be awarded on {rests}, with effect from {_since(line)}."
        case "chain":
            return f"{milestone} would be awarded too, because {rests} would be held."
        case "awaits confirmation":
            return f"{milestone} would be complete on {rests}, and wait for a registrar's confirmation."
        case "moves":
            return f"{milestone} is kept, and rests on {rests} under version {line.version} from then on."
        case "mended":
            return f"{milestone} is at risk now; under version {line.version} it is kept on {rests}."
        case "pinned":
            return f"{milestone} is kept under version {line.version}, on {rests}."
        case "does not fit":
            return f"{milestone} does not fit the new version; {ACTS['review']}.{_way_out(line, named)}"
        case "broken":
            return f"{milestone} would rest on nothing any more; {_acts(line)}.{_way_out(line, named)}"


def counted(gains: int, loses: int, keeps: int, applies_to: Literal["new", "holders"]) -> str:
    """Say the counts of a preview."""
    who = "holders too" if applies_to == "holders" else "new completions only"
    return f"For {who}: {gains} would be gained, {loses} would be lost or reviewed, {keeps} are kept."


def _since(line: Foreseen) -> str:
    return "" if line.effective_at is None else day(line.effective_at)


def _acts(line: Foreseen) -> str:
    what = ACTS[line.policy or "review"]
    return what if line.due_at is None else f"{what} on {day(line.due_at)}"


def _way_out(line: Foreseen, named: Named) -> str:
    if not line.would_keep:
        return ""
    which = listed([named(one) for one in line.would_keep], "or")
    return f" Any of these would fit it: {which}." if len(line.would_keep) > 1 else f" This would fit it: {which}."


_FATES: dict[Fate, str] = {
    "broken": "would be broken",
    "suspended": "would be suspended",
    "lapses": "would lapse",
    "revoked": "would be revoked",
    "review": "would go to a registrar's review",
}


def doubted(one: Affected, named: Named) -> str:
    """Say how an award has to do with what is in doubt, and what would fall with it."""
    award = f"{named(one.achievement_id)}, version {one.version},"
    match one.rests:
        case "rests on it" if one.because:
            said = f"{award} would not be made: {' '.join(one.because)}"
        case "rests on it":
            said = f"{award} rests on it."
        case "stands without it":
            said = f"{award} stands without it."
        case "differs":
            said = f"{award} would be made, otherwise: {' '.join(one.because)}"
        case "waits for confirmation":
            said = f"{award} waits to be confirmed on it."
    fates = [f"{named(fall.achievement_id)} {_FATES[fall.fate]}{_by(fall)}" for fall in one.falls]
    return f"{said} If it were revoked, {listed(fates)}." if fates else said


def _by(fall: Falling) -> str:
    if fall.fate != "broken" or fall.policy is None or fall.at is None:
        return ""
    return f", and after {day(fall.at)} {ACTS[fall.policy]}"
