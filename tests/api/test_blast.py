"""How far a doubt reaches, over HTTP and on the command line; two people carry it out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Caller, Service, definition
from tests.api.test_commands import Terminal, drilled
from tests.imports import files


@pytest.fixture
def college(service: Service) -> Service:
    """Lee is a welder by MIG welding, which one assessor judged."""
    service.publish("mig")
    service.activate(
        "welding", "welder", {"all": [{"achievement": "mig"}]}, on_loss={"policy": "suspend", "grace": "P5D"}
    )
    service.award(service.learner("S-1"), "mig")
    service.catch_up()
    return service


@pytest.fixture
def registrars(college: Service) -> tuple[Caller, Caller]:
    return college.person("registrar", "gail"), college.person("registrar", "hugo")


def second(caller: Caller) -> dict[str, str]:
    return {"Second_Authorization": f"Bearer {caller.key}"}


def test_an_assessors_blast_radius_reaches_through_stacks(college: Service, registrars: tuple[Caller, Caller]) -> None:
    assessor = college.person("assessor")
    views, head = college.views.hash(), college.ledger.store.head()

    found = registrars[0].get(f"/people/{assessor.account}/blast-radius").get_json()

    assert (1, 1, 0, 1) == (found["learners"], found["rest"], found["stand"], found["milestones"])
    assert [("broken", "suspend"), ("suspended", None)] == [
        (fall["fate"], fall["policy"]) for fall in found["items"][0]["falls"]
    ]
    assert found["items"][0]["sentence"].startswith(
        "Achievement mig, version 1, rests on it. If it were revoked, Achievement welder would be broken, and after "
    )
    assert (views, head) == (college.views.hash(), college.ledger.store.head())


def test_what_is_awarded_while_others_are_queued_is_queued_too(
    college: Service, registrars: tuple[Caller, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    gail, hugo = registrars
    execute_many = college.ledger.execute_many
    late: list[Caller] = []

    def awarding_meanwhile(*given: Any, **more: Any) -> Any:
        answers = execute_many(*given, **more)
        if not late:
            late.append(college.learner("S-2"))
            college.award(late[0], "mig")
        return answers

    monkeypatch.setattr(college.ledger, "execute_many", awarding_meanwhile)

    done = gail.post(
        f"/people/{college.person('assessor').account}/discrediting", {"reason": "Sold marks."}, **second(hugo)
    ).get_json()

    assert (2, 2) == (done["learners"], done["queued"])


def test_two_registrars_queue_reviews_and_nothing_is_taken(college: Service, registrars: tuple[Caller, Caller]) -> None:
    gail, hugo = registrars
    path = f"/people/{college.person('assessor').account}/discrediting"

    alone = gail.post(path, {"reason": "Sold marks."})
    herself = gail.post(path, {"reason": "Sold marks."}, **second(gail))
    done = gail.post(path, {"reason": "Sold marks."}, **second(hugo))
    again = gail.post(path, {"reason": "Sold marks."}, **second(hugo))
    college.catch_up()

    assert [403, 403, 200, 200] == [one.status_code for one in (alone, herself, done, again)]
    assert [1, 0] == [one.get_json()["queued"] for one in (done, again)]
    (waiting,) = gail.get("/queues/review").get_json()["items"]
    assert "assessor discredited" == waiting["reason"]
    assert {"live"} == {award["status"] for award in gail.get("/awards").get_json()["items"]}


def test_evidence_is_discredited_with_its_award_reviewed(college: Service, registrars: tuple[Caller, Caller]) -> None:
    gail, hugo = registrars
    lee = college.learner("S-1").account
    (evidence,) = gail.get(f"/learners/{lee}/evidence").get_json()["items"]
    path = f"/learners/{lee}/evidence/{evidence['id']}"

    found = gail.get(f"{path}/blast-radius").get_json()
    done = gail.post(f"{path}/discrediting", {"reason": "Copied."}, **second(hugo)).get_json()

    assert (1, 1) == (found["rest"], done["queued"])
    assert 404 == gail.get(f"/learners/{lee}/evidence/none/blast-radius").status_code
    assert 404 == gail.get("/people/nobody/blast-radius").status_code


def test_a_revised_achievement_is_held_against_what_was_earned(
    college: Service, registrars: tuple[Caller, Caller]
) -> None:
    gail, hugo = registrars
    designer = college.person("designer")
    body = definition("mig", assessors_required=2)
    body.pop("id")

    found = designer.post("/achievements/mig/previews", body).get_json()
    unpublished = gail.post("/achievements/mig/versions/2/reviews", **second(hugo))
    designer.post("/achievements/mig/revisions", body)

    assert (1, ["More assessors must judge it."]) == (found["rest"], found["items"][0]["because"])
    assert 404 == unpublished.status_code


def test_pages_of_a_blast_radius_are_of_one_moment(college: Service, registrars: tuple[Caller, Caller]) -> None:
    path = f"/people/{college.person('assessor').account}/blast-radius"
    college.award(college.learner("S-2"), "mig")
    whole = registrars[0].get(path).get_json()
    first = registrars[0].get(path, limit=1).get_json()
    college.award(college.learner("S-3"), "mig")

    rest = registrars[0].get(path, cursor=first["next"]).get_json()

    assert whole["items"] == first["items"] + rest["items"]
    assert 422 == registrars[0].get(path, cursor="x").status_code


def test_who_may_look_and_who_may_act(college: Service) -> None:
    path = f"/people/{college.person('assessor').account}"

    assert 200 == college.person("auditor").get(f"{path}/blast-radius").status_code
    assert 403 == college.person("designer").get(f"{path}/blast-radius").status_code
    assert 403 == college.person("auditor").post(f"{path}/discrediting", {"reason": "x"}).status_code


# The command line


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    shell = Terminal(tmp_path)
    shell.answer("import", "catalogue", shell.file("c.json", files.catalogue()), "--by", "d", "--approved-by", "q")
    shell.take_in(files.row(achievement="filing"), drilled())
    return shell


def test_a_blast_radius_on_the_command_line_is_carried_out_with_a_second_key(shell: Terminal) -> None:
    ref = files.row()["assessor_ref"]
    key = shell.answer("keys", "create", "--role", "registrar", "--ref", "hugo")["key"]

    found = shell.answer("blast", "assessor", ref)
    without = shell.run("blast", "assessor", ref, "--carry-out", "--because", "Sold marks.")
    silent = shell.run("blast", "assessor", ref, "--carry-out", "--second", key)
    done = shell.answer("blast", "assessor", ref, "--carry-out", "--because", "Sold marks.", "--second", key)
    said = shell.run("blast", "assessor", ref)

    assert (found["rest"], 0) == (done["queued"], len(done["refused"]))
    assert done["queued"] == shell.answer("stats")["review"] > 0
    assert [2, 2, 0] == [one.exit_code for one in (without, silent, said)]
    assert "rest on it" in said.stdout


def test_evidence_and_definitions_on_the_command_line(shell: Terminal) -> None:
    (drilling,) = [one for one in json.loads(files.catalogue())["achievements"] if one["id"] == "drilling"]
    file = shell.file("drilling.json", json.dumps(drilling | {"assessors_required": 2}).encode())

    assert 1 == shell.answer("blast", "achievement", file)["rest"]
    assert 2 == shell.run("blast", "evidence", "none").exit_code
    assert 2 == shell.run("blast", "achievement", shell.file("none.json", b"[]")).exit_code
    assert 2 == shell.run("blast", "assessor", "nobody").exit_code
