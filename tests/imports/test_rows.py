"""Reading a CSV of results: what is a row, what is refused by the row, what makes the file unusable."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.imports.rows import COLUMNS, Reported, Row, read
from api.imports.unusable import UnusableFile
from api.schemas.definitions import CatalogueFileSchema
from ledger.definition import AchievementDefinition
from ledger.errors import Unknown
from tests.imports.files import CATALOGUE, results, row

DEFINITIONS: dict[str, AchievementDefinition] = {
    entry.id: entry.definition for entry in CatalogueFileSchema().load(CATALOGUE).achievements
}


def definition_of(name: str) -> AchievementDefinition:
    if name not in DEFINITIONS:
        raise Unknown(f"There is no achievement {name}.")
    return DEFINITIONS[name]


def rows(raw: bytes) -> list[Row | Reported]:
    return list(read(raw, definition_of))


def only(raw: bytes) -> Row:
    (found,) = rows(raw)
    assert isinstance(found, Row), found
    return found


def refusal(**cells: str) -> Reported:
    (found,) = rows(results(row(**cells)))
    assert isinstance(found, Reported), found
    return found


def test_a_row_is_evidence_and_a_judgement() -> None:
    found = only(results(row()))

    assert found.line == 2
    assert found.submitted_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert found.judged is not None
    assert found.judged.assessed_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert found.judged.results == {"score": Decimal(55)}
    assert found.judged.met is None


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    plain = results(row(), row(evidence_id="e2"))
    unix = plain.replace(b"\r\n", b"\n")

    assert rows(plain) == rows(b"\xef\xbb\xbf" + plain) == rows(unix)


def test_quoted_commas_and_line_ends_stand_in_a_field() -> None:
    found = rows(results(row(narrative='First, "this",\nthen that'), row(evidence_id="e2")))

    assert [one.line for one in found] == [2, 4]
    assert isinstance(found[0], Row)
    assert found[0].narrative == 'First, "this",\nthen that'


def test_columns_may_stand_in_any_order() -> None:
    header, line = results(row()).decode().split("\r\n")[:2]
    turned = "\r\n".join(
        ",".join(reversed(text.split(",")))
        for text in (header, line.replace("filed, and", "filed and").replace('"', ""))
    )

    assert only(turned.encode()).learner_ref == "lea"


def test_without_result_and_outcome_the_row_is_evidence_only_and_assessor_columns_are_ignored() -> None:
    found = only(results(row(result="", outcome="", assessor_ref="", assessed_at="yesterday")))

    assert found.judged is None


@pytest.mark.parametrize(("outcome", "met"), [("met", True), ("not_yet_met", False)])
def test_an_outcome_stands_without_a_result(outcome: str, met: bool) -> None:
    judged = only(results(row(result="", outcome=outcome))).judged

    assert judged is not None
    assert judged.met is met


def test_further_results_have_columns_of_their_own() -> None:
    drilled = row(achievement="drilling", result="") | {"result:score": "60.5", "result:finish": "fine"}
    judged = only(results(drilled, further=("result:score", "result:finish"))).judged

    assert judged is not None
    assert judged.results == {"score": Decimal("60.5"), "finish": Decimal(1)}


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"learner_ref": ""}, "learner_ref is missing"),
        ({"evidence_id": ""}, "evidence_id is missing"),
        ({"achievement": "flying"}, "no achievement flying"),
        ({"submitted_at": "2026-03-01"}, "submitted_at must say its offset from UTC"),
        ({"submitted_at": "2026-03-01T09:00:00"}, "submitted_at must say its offset from UTC"),
        ({"submitted_at": "soon"}, "submitted_at must be an ISO 8601 instant"),
        ({"submitted_at": ""}, "submitted_at is missing"),
        ({"assessed_at": ""}, "assessed_at is missing"),
        ({"assessor_ref": ""}, "assessor_ref is missing"),
        ({"outcome": "passed"}, "outcome must be met, not_yet_met or empty"),
        ({"result": "many"}, "result must be a number"),
        ({"result": "NaN"}, "result must be a number"),
        ({"result": "1e99"}, "result must be a number"),
        ({"achievement": "tapping"}, "tapping states no result"),
        ({"achievement": "drilling"}, "several results"),
        ({"evidence_url": "javascript:alert(1)"}, "evidence_url must be an address"),
        ({"evidence_url": "look in the cupboard"}, "evidence_url must be an address"),
        ({"narrative": "x" * 20_001}, "narrative is longer"),
        ({"learner_ref": "le\x00a"}, "cannot be printed"),
    ],
)
def test_a_row_is_refused_with_a_sentence(cells: dict[str, str], says: str) -> None:
    found = refusal(**cells)

    assert found.line == 2
    assert says in found.sentence
    assert found.sentence.endswith(".")


def test_a_learner_does_not_judge_the_own_work() -> None:
    assert refusal(assessor_ref="lea").code == "own-evidence"


def test_a_row_of_another_length_is_refused_and_the_next_is_read() -> None:
    raw = results(row()) + b"one,two\r\n" + results(row(evidence_id="e2")).split(b"\r\n", 1)[1]
    first, second, third = rows(raw)

    assert isinstance(first, Row)
    assert isinstance(second, Reported)
    assert second.sentence == "The row has 2 fields where the header has 10."
    assert isinstance(third, Row)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "The file is empty"),
        (b"learner_ref,achievement\r\n", "The header lacks the columns evidence_id"),
        (";".join(COLUMNS).encode(), "parted by semicolons"),
        (results(row(), further=("mood",)), "unknown column 'mood'"),
        (results(row(), further=("result:",)), "unknown column 'result:'"),
        (results(row()).replace(b"outcome", b"outcome,outcome", 1), "stands twice"),
        (results(row()) + b'lea,"filing\r\n', "is not CSV"),
        (results(row()).replace(b"filed", b"fil\xe9d", 1), "Line 2 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_such_csv_is_unusable(raw: bytes, says: str) -> None:
    with pytest.raises(UnusableFile, match=says):
        rows(raw)


@given(st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=30)))
def test_whatever_stands_in_the_cells_each_row_is_read_or_refused_by_name(cells: dict[str, str]) -> None:
    raw = results(row(**{name: text.encode("utf-8", "replace").decode() for name, text in cells.items()}))
    (found,) = rows(raw)

    assert isinstance(found, (Row, Reported))
    if isinstance(found, Reported):
        assert found.sentence


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_they_are_read_or_unusable(raw: bytes) -> None:
    with suppress(UnusableFile):
        rows(raw)
