"""Importing a catalogue: as a whole or not at all, by two people, and as often as one likes."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.imports.catalogue import Imported, import_catalogue, read, rehearse
from api.imports.unusable import UnusableFile
from ledger.application import Ledger
from ledger.definition import PRINCIPLES
from tests.imports.files import CATALOGUE, catalogue


def take_in(ledger: Ledger, raw: bytes) -> Imported:
    return import_catalogue(ledger, raw, name="catalogue.json", by="dora", approved_by="board")


def changed(change: Any) -> bytes:
    document = deepcopy(CATALOGUE)
    change(document)
    return json.dumps(document).encode()


def test_everything_is_published_and_active_whatever_the_order_in_the_file(ledger: Ledger) -> None:
    found = ledger.catalogue()

    assert set(found.achievements) == {"filing", "drilling", "tapping", "fitter-badge", "twice-badge"}
    assert all(record.published == 1 for record in found.achievements.values())
    assert [stack.stack_id for stack in found.active_stacks(ledger.now())] == ["fitter", "twice"]


def test_two_people_sign_and_the_programme_s_principles_are_checked(ledger: Ledger) -> None:
    people = ledger.identities.find_all("person", ["dora", "board"])
    version = ledger.catalogue().achievement_version("filing", 1)

    assert (version.drafted_by, version.approved_by) == (people["dora"], people["board"])
    assert version.check is not None
    assert version.check.principles == PRINCIPLES
    assert version.check.body == people["board"]
    assert version.check.reference.startswith("catalogue.json sha256:")


def test_facts_name_nobody_as_the_college_does(ledger: Ledger) -> None:
    stored = b"".join(stored.body for stored in ledger.store.read_log(0, 1000))

    assert [] == [ref for ref in (b"dora", b"board") if b'"%s"' % ref in stored]


def test_the_file_says_who_issues(ledger: Ledger) -> None:
    described = ledger.catalogue().issuer

    assert described is not None
    assert {"id": described.id, "name": described.name, "url": described.url} == CATALOGUE["issuer"]
    assert described.described_by == ledger.identities.find("person", "dora")


def test_a_file_that_does_not_say_who_issues_leaves_what_was_said(ledger: Ledger) -> None:
    document = deepcopy(CATALOGUE)
    del document["issuer"]
    take_in(ledger, json.dumps(document).encode())

    assert len(ledger.facts("issuer-self")) == 1


def test_another_issuer_takes_the_place_of_the_first(ledger: Ledger) -> None:
    done = take_in(ledger, catalogue(issuer=CATALOGUE["issuer"] | {"name": "A university"}))

    described = ledger.catalogue().issuer
    assert described is not None
    assert described.name == "A university"
    assert (done.new_versions, done.position) == (0, ledger.store.head())


def test_importing_again_records_nothing(ledger: Ledger) -> None:
    before = ledger.store.head()

    again = take_in(ledger, catalogue())

    assert (again.new_versions, again.position) == (0, before)
    assert ledger.store.head() == before


def test_what_differs_becomes_a_new_version_and_what_is_absent_stays(ledger: Ledger) -> None:
    filing = deepcopy(CATALOGUE["achievements"][2])
    filing["results"][0]["pass_at"] = 60

    done = take_in(ledger, catalogue(achievements=[filing], stacks=[]))

    assert done.new_versions == 1
    assert ledger.catalogue().achievements["filing"].published == 2
    assert ledger.catalogue().achievements["drilling"].published == 1


def test_one_person_cannot_do_both(empty: Ledger) -> None:
    with pytest.raises(UnusableFile, match="second person"):
        import_catalogue(empty, catalogue(), name="catalogue.json", by="dora", approved_by="dora")

    assert empty.store.head() == 0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda d: d["achievements"][0].pop("name"), r"achievements\[0\].name is missing"),
        (
            lambda d: d["achievements"][1]["criteria"].pop("narrative"),
            r"achievements\[1\].criteria.narrative is missing",
        ),
        (lambda d: d["stacks"][0]["milestone"].pop("id"), r"stacks\[0\].milestone.id is missing"),
        (lambda d: d["achievements"][0].update(colour="red"), r"achievements\[0\].colour is not known"),
        (lambda d: d["achievements"][2].update(id="tapping"), r"achievements\[2\].id: tapping is defined already"),
        (lambda d: d["stacks"][1].update(id="twice"), r"stacks\[1\].id: twice stands twice"),
        (lambda d: d["stacks"][1]["rule"]["of"].append({"achievement": "flying"}), r"stacks\[1\].rule.*flying"),
        (lambda d: d["stacks"][1]["rule"].update(at_least=4), r"stacks\[1\].rule.*4"),
        (lambda d: d["achievements"][1].update(prerequisites={"achievement": "fitter-badge"}), r"stacks\[1\].rule"),
        (lambda d: d["achievements"][2]["results"][0].update(pass_at=140), r"achievements\[2\].results\[0\].pass_at"),
        (lambda d: d["issuer"].update(url="college.example"), r"issuer.url must be an http"),
        (lambda d: d["issuer"].update(name=" "), r"issuer.name: says nothing"),
    ],
)
def test_an_unusable_file_names_the_path_of_its_fault_and_leaves_no_trace(
    empty: Ledger, change: Any, path: str
) -> None:
    with pytest.raises(UnusableFile, match=path):
        take_in(empty, changed(change))

    assert empty.store.head() == 0
    assert empty.identities.find_all("person", ["dora", "board"]) == {}


def test_an_empty_ledger_is_spoken_for_without_there_being_one() -> None:
    rehearse(catalogue(), name="catalogue.json", by="dora", approved_by="board")

    for change in (lambda d: d["stacks"][1]["rule"].update(at_least=4), lambda d: d["issuer"].update(name=" ")):
        with pytest.raises(UnusableFile):
            rehearse(changed(change), name="catalogue.json", by="dora", approved_by="board")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"null", b'{"achievements": 3}', b"\xff", b'{"a": 1, "a": 2}', b"[" * 5000]
)
def test_what_is_no_catalogue_is_unusable(raw: bytes) -> None:
    with pytest.raises(UnusableFile):
        read(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["achievements", "stacks", "id", "milestone", "rule", "criteria"]), inner, max_size=3
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_json_it_is_read_or_refused_with_a_sentence(document: Any) -> None:
    with suppress(UnusableFile):
        read(json.dumps(document).encode())
