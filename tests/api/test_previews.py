"""Previews through the doors: counts, pages, sentences; the activation that carries one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Caller, Service
from tests.api.test_commands import Terminal, drilled
from tests.imports import files

BOTH = {"all": [{"achievement": "mig"}, {"achievement": "tig"}]}
MIG = {"all": [{"achievement": "mig"}]}


@pytest.fixture
def college(service: Service) -> Service:
    """A welder needs MIG welding; Lee is one, Mo has TIG welding too."""
    service.publish("mig")
    service.publish("tig")
    service.activate("welding", "welder", MIG)
    for ref in ("S-1", "S-2"):
        service.award(service.learner(ref), "mig")
    service.award(service.learner("S-2"), "tig")
    return service


def designer(service: Service) -> Caller:
    return service.person("designer")


def body(rule: dict[str, Any]) -> dict[str, Any]:
    return {"name": "Welding", "milestone": "welder", "rule": rule}


def revised(service: Service, rule: dict[str, Any]) -> str:
    """Revise and approve; return where version 2 is."""
    assert 201 == designer(service).post("/stacks/welding/revisions", body(rule)).status_code
    at = "/stacks/welding/versions/2"
    assert 201 == service.person("quality_reviewer").post(f"{at}/approval").status_code
    return at


def test_a_preview_counts_first_and_then_says_of_each_what_and_why(college: Service) -> None:
    answer = designer(college).post("/stacks/welding/previews", body(BOTH))
    found = answer.get_json()

    assert 200 == answer.status_code
    assert (0, 1, 1, 2, 2) == tuple(found[name] for name in ("gains", "loses", "keeps", "version", "learners"))
    lost = next(item for item in found["items"] if item["outcome"] == "loses")
    assert ["tig"] == lost["would_keep"]
    assert lost["sentence"] == (
        "Achievement welder does not fit the new version; a registrar decides what becomes of it. "
        "This would fit it: Achievement tig."
    )
    assert found["position"] == college.ledger.store.head()


def test_pages_are_of_one_preview_whatever_happens_meanwhile(college: Service) -> None:
    asking = designer(college)
    whole = asking.post("/stacks/welding/previews", body(BOTH)).get_json()
    first = asking.post("/stacks/welding/previews?limit=1", body(BOTH)).get_json()
    college.award(college.learner("S-3"), "mig")

    second = asking.post(f"/stacks/welding/previews?limit=1&cursor={first['next']}", body(BOTH)).get_json()

    assert (first["preview"], None) == (second["preview"], second["next"])
    assert whole["items"] == first["items"] + second["items"]
    of_another = asking.post(f"/stacks/welding/previews?cursor={first['next']}", body(MIG | {"all": BOTH["all"][1:]}))
    assert 422 == of_another.status_code
    assert 422 == asking.post("/stacks/welding/previews?cursor=abc", body(BOTH)).status_code


def test_a_preview_records_nothing(college: Service) -> None:
    college.catch_up()
    head, views = college.ledger.store.head(), college.views.hash()

    designer(college).post("/stacks/welding/previews", body(BOTH))

    college.catch_up()
    assert (head + 0, views) == (college.ledger.store.head(), college.views.hash())


def test_only_designers_preview(college: Service) -> None:
    for role in ("assessor", "registrar", "auditor"):
        assert 403 == college.person(role).post("/stacks/welding/previews", body(BOTH)).status_code


def test_what_cannot_be_drafted_is_refused_as_drafting_would(college: Service) -> None:
    unknown = {"all": [{"achievement": "mig"}, {"achievement": "brazing"}]}

    answer = designer(college).post("/stacks/welding/previews", body(unknown))

    assert (422, "/problems/unusable-rule") == (answer.status_code, answer.get_json()["type"])


def test_an_activation_for_holders_carries_its_preview(college: Service) -> None:
    asking = designer(college)
    at = revised(college, BOTH)
    name = asking.post("/stacks/welding/previews", body(BOTH)).get_json()["preview"]

    without = asking.post(f"{at}/activation", {"applies_to": "holders"})
    tampered = asking.post(f"{at}/activation", {"applies_to": "holders", "preview": name[:-1] + "g"})
    college.award(college.learner("S-3"), "mig")
    stale = asking.post(f"{at}/activation", {"applies_to": "holders", "preview": name})
    again = asking.post("/stacks/welding/previews", body(BOTH)).get_json()["preview"]
    good = asking.post(f"{at}/activation", {"applies_to": "holders", "preview": again}, key="once")

    kinds = [one.get_json()["type"] for one in (without, tampered, stale)]
    assert ["/problems/preview-needed", "/problems/preview-differs", "/problems/unlisted-losers"] == kinds
    assert [409, 409, 409, 201] == [one.status_code for one in (without, tampered, stale, good)]
    repeated = asking.post(f"{at}/activation", {"applies_to": "holders", "preview": again}, key="once")
    assert good.get_json() == repeated.get_json()


# The command line


def stack(**changes: Any) -> dict[str, Any]:
    """The fitter's stack of the sample catalogue, as it stands in its file."""
    (found,) = [one for one in json.loads(files.catalogue())["stacks"] if one["id"] == "fitter"]
    return {**found, **changes}


TAPPING = {"all": [{"achievement": "filing"}, {"achievement": "drilling"}, {"achievement": "tapping"}]}


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    """A ledger in which one learner is a fitter."""
    shell = Terminal(tmp_path)
    shell.answer("import", "catalogue", shell.file("c.json", files.catalogue()), "--by", "d", "--approved-by", "q")
    shell.take_in(files.row(achievement="filing"), drilled())
    return shell


def test_a_file_is_previewed_on_the_command_line(shell: Terminal) -> None:
    name = shell.file("stack.json", json.dumps(stack(rule=TAPPING)).encode())

    found = shell.answer("stacks", "preview", name)
    again = shell.answer("stacks", "preview", name, "--of", found["preview"])
    said = shell.run("stacks", "preview", name)

    assert (0, 1, 0) == (found["gains"], found["loses"], found["keeps"])
    assert found == again
    assert "0 would be gained, 1 would be lost or reviewed, 0 are kept." in said.stdout
    assert "facts/s" in said.stderr
    assert 2 == shell.run("stacks", "preview", name, "--of", "prv_1").exit_code


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"id": "x", "milestone": 3, "rule": {}}'])
def test_a_file_that_is_no_stack_is_named(shell: Terminal, content: bytes) -> None:
    found = shell.run("stacks", "preview", shell.file("stack.json", content))

    assert 2 == found.exit_code
    assert found.stderr.startswith("Error: stack.json: ")


def test_an_import_activates_for_holders_what_was_previewed(shell: Terminal) -> None:
    changed = json.loads(files.catalogue())
    changed["stacks"] = [stack(rule=TAPPING) if one["id"] == "fitter" else one for one in changed["stacks"]]
    file = shell.file("changed.json", json.dumps(changed).encode())
    preview = shell.answer("stacks", "preview", shell.file("s.json", json.dumps(stack(rule=TAPPING)).encode()))
    people = ("--by", "d", "--approved-by", "q")

    wrong = shell.run("import", "catalogue", file, *people, "--holders", f"fitter=prv_1_1_{'0' * 64}")
    unknown = shell.run("import", "catalogue", file, *people, "--holders", f"welder={preview['preview']}")
    assert [2, 2] == [wrong.exit_code, unknown.exit_code]
    assert "preview it again" in wrong.stderr
    shell.answer("import", "catalogue", file, *people, "--holders", f"fitter={preview['preview']}")

    shell.answer("import", "catalogue", file, *people, "--holders", f"fitter={preview['preview']}")

    stats = shell.answer("stats")
    assert 1 == stats["review"], stats
