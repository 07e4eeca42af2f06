"""What is answered of imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

ALREADY_RECORDED = "This was recorded before."

if TYPE_CHECKING:
    from api.imports.results import Outcome


class RowReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row: `recorded`, `repeated`, or the name of the problem that refused it."""

    line: int
    code: str
    sentence: str


class ResultsImported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import of results came to, row by row; of a dry run, what it would come to."""

    batch_id: str | None
    dry_run: bool
    rows: int
    recorded: int
    repeated: int
    refused: int
    learners: int
    position: int
    reports: list[RowReport]

    @classmethod
    def of(cls, outcome: Outcome) -> ResultsImported:
        return cls(
            batch_id=outcome.batch_id, dry_run=outcome.dry_run, rows=outcome.rows, recorded=outcome.recorded,
            repeated=outcome.repeated, refused=outcome.refused, learners=outcome.learners, position=outcome.position,
            reports=[RowReport(line=line, code=code, sentence=sentence) for line, code, sentence in outcome.reports],
        )  # fmt: skip

    def with_reports(self, reports: list[RowReport]) -> ResultsImported:
        """
        Return this answer with the reports of its rows made anew.

        A row that is recorded now was either new the first time or repeated; where both were, it is called repeated.
        """
        code, sentence = ("repeated", ALREADY_RECORDED) if self.repeated else ("recorded", "")
        rows = [
            RowReport(line=row.line, code=code, sentence=sentence) if row.code in ("recorded", "repeated") else row
            for row in reports
        ]
        return msgspec.structs.replace(self, reports=rows)


class CatalogueImported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import of a catalogue came to; what was identical recorded nothing."""

    achievements: int
    stacks: int
    new_versions: int
    position: int
