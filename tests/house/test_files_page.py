"""The page about files to import is true: its samples are taken, and it names everything that a file may hold."""

from __future__ import annotations

import re

import pytest
from marshmallow import Schema

from api.imports.catalogue import import_catalogue
from api.imports.results import import_results, read_file
from api.imports.rows import COLUMNS, FURTHER
from api.schemas import definitions as d
from ledger import Ledger
from ledger.settings import Settings
from tests.house.generated import DOCS

PAGE = (DOCS / "files.md").read_text(encoding="utf-8")


def sample(kind: str) -> bytes:
    found: str
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return found.encode()


def test_the_samples_are_taken(tmp_path_factory: pytest.TempPathFactory) -> None:
    ledger = Ledger.open(Settings(database=tmp_path_factory.mktemp("files") / "ledger.db"), create=True)

    import_catalogue(ledger, sample("json"), name="sample", by="ann", approved_by="bo")
    outcome = import_results(ledger, read_file(sample("csv"), ledger.catalogue()))
    ledger.close()

    assert {"recorded"} == {one.code for one in outcome.reports}


@pytest.mark.parametrize(
    "schema",
    [d.AchievementEntrySchema, d.CriteriaSchema, d.ResultDescriptionSchema, d.LevelSchema, d.AlignmentSchema,
     d.StackInFileSchema, d.OnLossSchema, d.LossPolicySchema, d.IssuerSchema, d.CatalogueFileSchema],
)  # fmt: skip
def test_every_field_of_a_catalogue_is_named(schema: type[Schema]) -> None:
    assert [] == [name for name in schema().fields if f"`{name}`" not in PAGE and f'"{name}"' not in PAGE]


def test_every_column_of_results_is_named() -> None:
    assert [] == [name for name in (*COLUMNS, f"{FURTHER}<id>") if f"| `{name}` |" not in PAGE]
