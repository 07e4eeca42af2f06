"""What other systems send is recorded once, repeated, or refused in a sentence; nothing stops the intake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.imports.results import import_results, read_file
from consumers.intake import DeadLetter, Intake
from consumers.intake_messages import TYPES, NotTaken, body
from ledger import Ledger
from ledger.achievements import RetireAchievement
from ledger.decider import Command
from ledger.errors import RecordConflict
from ledger.event import Actor
from ledger.events import AchievementAwarded, EvidenceAssessed, EvidenceSubmitted
from ledger.keys import LearnerKeys
from ledger.store import StoreUnavailable
from tests.consumers.sending import LMS, Sent, assess, college, judgement, message, submission, submit
from tests.house.generated import DOCS
from tests.imports import files
from tests.places import settings_in

SOURCES = [LMS, "https://other.example"]
LOCAL = Actor(id="local", role="operator", client="test")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = college(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def intake(ledger: Ledger) -> Intake:
    return Intake(ledger, SOURCES)


def facts(ledger: Ledger, cls: type) -> list[Any]:
    return [recorded.fact for recorded in ledger.log(0, 10_000) if isinstance(recorded.fact, cls)]


def reasons(dead: list[DeadLetter]) -> list[tuple[str, str]]:
    return [(one.code, one.reason) for one in dead]


def test_evidence_and_its_judgement_become_an_award(ledger: Ledger, intake: Intake) -> None:
    assert [] == intake.handle([submit(), assess()])

    (evidence,) = facts(ledger, EvidenceSubmitted)
    (assessment,) = facts(ledger, EvidenceAssessed)
    assert (f"intake:{LMS}", "import", "work_product") == (
        evidence.submitted_by,
        evidence.declared_by,
        evidence.route,
    )
    assert ledger.identities.find("person", "ana") == assessment.assessor
    assert ["filing"] == [award.achievement_id for award in facts(ledger, AchievementAwarded)]


def test_what_came_by_file_comes_by_message_as_the_same(ledger: Ledger, intake: Intake) -> None:
    import_results(ledger, read_file(files.results(files.row()), ledger.catalogue()))
    before = ledger.store.head()

    assert [] == intake.handle([submit(), assess()])
    assert before == ledger.store.head()


def test_a_batch_that_comes_again_records_nothing(ledger: Ledger, intake: Intake) -> None:
    batch = [submit(), assess(), submit("m3", evidence_id="e2", offset=2)]
    intake.handle(batch)
    before = ledger.store.head()

    assert [] == intake.handle(batch)
    assert [] == intake.handle([*batch[1:], *batch[:2], *batch])
    assert before == ledger.store.head()


def test_a_message_that_stands_twice_in_a_batch_is_recorded_once(ledger: Ledger, intake: Intake) -> None:
    assert [] == intake.handle([submit(), submit(offset=1), assess(), assess(), submit(offset=4)])

    assert (1, 1) == (len(facts(ledger, EvidenceSubmitted)), len(facts(ledger, EvidenceAssessed)))


def test_two_members_at_once_record_nothing_twice(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger.open(settings_in(tmp_path))
    batch = [
        sent
        for number in range(30)
        for sent in (
            submit(f"s{number}", learner_ref=f"l{number % 7}", evidence_id=f"e{number}"),
            assess(f"a{number}", learner_ref=f"l{number % 7}", evidence_id=f"e{number}"),
        )
    ]
    takers = [Intake(each, SOURCES) for each in (ledger, other)]

    with ThreadPoolExecutor(2) as pool:
        dead = list(pool.map(lambda n: takers[n % 2].handle(batch), range(6)))
    other.close()

    assert [[]] * 6 == dead
    assert (30, 30, 7) == (
        len(facts(ledger, EvidenceSubmitted)),
        len(facts(ledger, EvidenceAssessed)),
        len(facts(ledger, AchievementAwarded)),
    )


def test_who_dies_after_making_an_assessor_known_has_not_made_half_of_one(
    ledger: Ledger, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(self: Ledger, command: Command, *, actor: Actor) -> NoReturn:
        execute(self, command, actor=actor)
        raise SystemExit

    execute = Ledger.execute
    with monkeypatch.context() as crash:
        crash.setattr(Ledger, "execute", dying)
        with pytest.raises(SystemExit):
            intake.handle([submit(), assess()])

    assert [] == intake.handle([submit(), assess()])
    assert 1 == len(facts(ledger, AchievementAwarded))


def test_replayed_after_the_programme_moved_on_it_still_records_and_refuses_nothing(
    ledger: Ledger, intake: Intake
) -> None:
    batch = [submit(), assess()]
    intake.handle(batch)
    ledger.execute(RetireAchievement(achievement_id="filing", by="local", reason="Replaced."), actor=LOCAL)
    before = ledger.store.head()

    assert [] == intake.handle(batch)
    assert before == ledger.store.head()
    assert [("retired", "achievement: filing was retired; it takes nothing new.")] == reasons(
        intake.handle([submit("new", evidence_id="e9")])
    )


def test_an_id_that_comes_back_with_other_content_is_refused(ledger: Ledger, intake: Intake) -> None:
    intake.handle([submit()])

    (dead,) = intake.handle([submit(narrative="Something else.", offset=7)])

    assert (7, LMS, "m1", "key-reused") == (dead.offset, dead.source, dead.message_id, dead.code)
    assert "ce_id was used for another message" in dead.reason
    assert 1 == len(facts(ledger, EvidenceSubmitted))


def test_the_same_content_is_the_same_however_it_is_written_down(intake: Intake) -> None:
    data = judgement(results={"score": 55})
    again = {**dict(reversed(data.items())), "assessed_at": "2026-03-02T08:00:00Z", "results": {"score": 55.0}}
    intake.handle([submit(), message("evidence.assess.v1", data, "m2")])

    assert [] == intake.handle([message("evidence.assess.v1", json.dumps(again, indent=2).encode(), "m2")])


def test_ids_belong_to_their_source(ledger: Ledger, intake: Intake) -> None:
    assert [] == intake.handle([submit(), submit(source=SOURCES[1], evidence_id="e2")])
    assert 2 == len(facts(ledger, EvidenceSubmitted))


def test_a_refused_message_leaves_the_others_and_can_come_again(ledger: Ledger, intake: Intake) -> None:
    dead = intake.handle([assess(), submit(offset=1), submit("m3", evidence_id="e2", offset=2)])

    assert [("unknown", 1)] == [(one.code, one.offset) for one in dead]
    assert "evidence_id names no evidence of this learner" in dead[0].reason
    assert [] == intake.handle([assess()])
    assert 1 == len(facts(ledger, AchievementAwarded))


def test_a_judgement_of_nobody_registers_nobody(ledger: Ledger, intake: Intake) -> None:
    before = ledger.store.head()

    assert [("unknown", "learner_ref names nobody here; the evidence is sent before its judgement.")] == reasons(
        intake.handle([assess()])
    )
    assert (None, None) == (ledger.identities.find("learner", "lea"), ledger.identities.find("person", "ana"))
    assert before == ledger.store.head()


def test_nobody_judges_their_own_evidence_under_any_name(intake: Intake) -> None:
    intake.handle([submit(), submit("m3", learner_ref="ana", evidence_id="e2")])

    assert [("own-evidence", "assessor_ref is the learner; somebody else must judge the evidence.")] == reasons(
        intake.handle([assess(assessor_ref=" lea ")])
    )
    assert [] == intake.handle([assess("m4")])  # ana, a learner too, may judge lea
    assert ["own-evidence"] == [one.code for one in intake.handle([assess("m5", learner_ref="ana", evidence_id="e2")])]


def test_levels_of_a_rubric_count_their_points(ledger: Ledger, intake: Intake) -> None:
    both = {"score": 50.5, "finish": "fine"}

    assert [] == intake.handle([submit(achievement="drilling"), assess(results=both, met=True)])
    (assessment,) = facts(ledger, EvidenceAssessed)
    assert {"score", "finish"} == set(assessment.results)
    assert [("incomplete-judgement", "results gives a level that its rubric does not have.")] == reasons(
        intake.handle([assess("m9", results={"finish": "rosy"})])
    )


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"achievement": "welding"}, "unknown", "achievement names none"),
        ({"achievement": "fitter-badge"}, "route-closed", "milestone"),
        ({"achievement": "a b"}, "invalid", "achievement must be the identifier"),
        ({"achievement": None}, "invalid", "achievement is missing."),
        ({"learner_ref": ""}, "invalid", "learner_ref must be"),
        ({"learner_ref": "\u202eevil"}, "invalid", "learner_ref must be"),
        ({"learner_ref": 7}, "invalid", "learner_ref must be"),
        ({"evidence_id": "x" * 201}, "invalid", "evidence_id must be"),
        ({"submitted_at": "2026-03-01"}, "invalid", "submitted_at must be an instant"),
        ({"submitted_at": "2026-03-01T09:00:00"}, "invalid", "submitted_at must be an instant"),
        ({"submitted_at": "0001-01-01T00:00:00+14:00"}, "invalid", "submitted_at must be an instant"),
        ({"submitted_at": "2126-03-01T09:00:00Z"}, "invalid", "submitted_at"),
        ({"evidence_url": "javascript:alert(1)"}, "invalid", "evidence_url must be an address"),
        ({"evidence_url": "https://a.example/\n"}, "invalid", "evidence_url must be an address"),
        ({"narrative": "x" * 20_001}, "invalid", "narrative must be text"),
        ({"narrative": "\x00"}, "invalid", "narrative must be text"),
        ({"narrative": "\ud800"}, "invalid", "narrative must be text"),
        ({"route": "magic"}, "invalid", "route must be one of"),
        ({"grade": 5}, "invalid", "a field that is not known; known are learner_ref"),
    ],
)
def test_evidence_that_cannot_be_taken_is_refused_by_its_field(
    ledger: Ledger, intake: Intake, changes: dict[str, Any], code: str, words: str
) -> None:
    ((found, reason),) = reasons(intake.handle([submit(**changes)]))

    assert code == found
    assert words in reason
    assert [] == facts(ledger, EvidenceSubmitted)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"results": None}, "incomplete-judgement", "met or results"),
        ({"met": "yes"}, "invalid", "met must be true or false"),
        ({"results": {"score": True}}, "invalid", "results must be"),
        ({"results": {"score": 1e300}}, "invalid", "results must be"),
        ({"results": {"score": 1.00000001}}, "invalid", "results must be"),
        ({"results": {"score": 120}}, "incomplete-judgement", "results: Every criterion is judged"),
        ({"results": {"lea": 50}}, "incomplete-judgement", "results"),
        ({"results": {"score": 55}, "met": False}, "contradictory-outcome", ""),
        ({"assessed_at": "2020-01-01T00:00:00Z"}, "invalid", "assessed_at"),
        ({"evidence_id": "e7"}, "unknown", "evidence_id names no evidence"),
    ],
)
def test_judgements_that_cannot_be_taken_are_refused_by_their_field(
    ledger: Ledger, intake: Intake, changes: dict[str, Any], code: str, words: str
) -> None:
    ((found, reason),) = reasons(intake.handle([submit(), assess(**changes)]))

    assert code == found
    assert words in reason
    assert [] == facts(ledger, EvidenceAssessed)


def test_only_configured_systems_may_send(ledger: Ledger) -> None:
    (dead,) = Intake(ledger, []).handle([submit()])

    assert ("unknown-source", LMS, "m1") == (dead.code, dead.source, dead.message_id)
    assert "LEDGER_INTAKE_SOURCES" in dead.reason
    assert [] == facts(ledger, EvidenceSubmitted)


@pytest.mark.parametrize(
    ("header", "value", "words"),
    [
        ("ce_specversion", b"0.3", "ce_specversion must be 1.0"),
        ("ce_id", b"", "ce_id is missing"),
        ("ce_id", b"\xff", "not UTF-8"),
        ("ce_id", b"x" * 201, "ce_id must be"),
        ("ce_source", None, "ce_source is missing"),
        ("ce_type", b"evidence.submitted.v1", "ce_type must be evidence.submit.v1 or evidence.assess.v1"),
        ("content-type", b"text/xml", "content-type must be application/json"),
    ],
)
def test_headers_are_read_strictly(intake: Intake, header: str, value: bytes | None, words: str) -> None:
    sent = submit()
    changed = sent._replace(headers=[(name, value if name == header else old) for name, old in sent.headers])
    twice = sent._replace(headers=[*sent.headers, ("ce_id", b"m1")])

    assert words in intake.handle([changed])[0].reason
    assert "stands twice" in intake.handle([twice])[0].reason


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "no data"),
        (b"", "no data"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON of a size"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON of a size"),
        (b"[]", "must be a JSON object"),
        (b'{"met": NaN}', "NaN"),
        (b'{"met": true, "met": false}', "stands twice"),
        (b'"' + b"x" * 300_000 + b'"', "larger than 256 KiB"),
    ],
)
def test_data_are_read_strictly(intake: Intake, value: bytes | None, words: str) -> None:
    assert words in intake.handle([submit()._replace(value=value)])[0].reason


@pytest.mark.parametrize("fault", [StoreUnavailable("gone"), RecordConflict("busy")])
def test_what_passes_is_no_dead_letter(
    ledger: Ledger, intake: Intake, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "execute_many", fail)
        with pytest.raises(type(fault)):
            intake.handle([submit(), submit("bad", learner_ref="")])

    assert ["bad"] == [one.message_id for one in intake.handle([submit(), submit("bad", learner_ref="")])]
    assert 1 == len(facts(ledger, EvidenceSubmitted))


def test_a_message_at_which_the_ledger_fails_does_not_stop_the_others(
    ledger: Ledger, intake: Intake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    digest = LearnerKeys.digest

    def failing(keys: LearnerKeys, learner_id: str, *parts: str) -> str:
        if "poison" in parts:
            raise ZeroDivisionError(parts[-1])
        return digest(keys, learner_id, *parts)

    monkeypatch.setattr(LearnerKeys, "digest", failing)
    (dead,) = intake.handle([submit(), submit("p", evidence_id="poison", offset=5), assess()])

    assert (5, "unforeseen") == (dead.offset, dead.code)
    assert "poison" not in dead.reason + caplog.text
    assert (1, 1) == (len(facts(ledger, EvidenceSubmitted)), len(facts(ledger, EvidenceAssessed)))


SCHEMAS = {
    name: jsonschema_rs.validator_for(
        json.loads((DOCS / "schemas" / f"{name}.json").read_text("utf-8")), validate_formats=True
    )
    for name in TYPES
}
SECRETS = ("s3cret-lea", "s3cret-ana", "s3cret-e1", "https://s3cret.example", "My s3cret thoughts", "s3cret-result")
VALUES = (
    st.sampled_from([*SECRETS, "filing", "drilling", "lea", "ana", "e1", "fine", "2026-03-01T09:00:00Z", "9999-13-01"])
    | st.text(max_size=12)
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats()
    | st.none()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.sampled_from(["score", "finish", "s3cret-result", "", "\ud800"]), st.floats() | st.text())
)
FIELDS = (
    "learner_ref", "achievement", "evidence_id", "evidence_url", "narrative", "route", "submitted_at", "assessor_ref",
    "assessed_at", "met", "results", "s3cret-field",
)  # fmt: skip
DATA = st.builds(
    lambda document, changes, gone: {
        name: value for name, value in {**document, **changes}.items() if name not in gone
    },
    st.sampled_from([submission(), judgement(), submission(learner_ref="s3cret-lea"), judgement(met=True)]),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3),
    st.sets(st.sampled_from(FIELDS), max_size=1),
)
WRITTEN = DATA.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=40) | st.none()
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_source", "ce_type", "ce_specversion", "content-type", "other"]),
        st.binary(max_size=8) | st.none(),
    ),
    max_size=2,
)
MESSAGES = st.builds(
    lambda name, value, message_id, extra: message(name, b"", message_id)._replace(
        value=value, headers=[*message(name, b"", message_id).headers, *extra]
    ),
    st.sampled_from(["evidence.submit.v1", "evidence.submit.v1", "evidence.assess.v1", "evidence.other.v1"]),
    WRITTEN,
    st.sampled_from(["1", "2", "3", "4", "5"]),
    st.just([]) | HEADERS,
)


@given(st.sampled_from(sorted(TYPES)), DATA)
def test_what_can_be_taken_obeys_the_published_schema(name: str, document: dict[str, Any]) -> None:
    try:
        body(json.dumps(document).encode(), name)
    except NotTaken:
        return

    assert [] == [error.message for error in SCHEMAS[name].iter_errors(document)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(MESSAGES, max_size=6))
def test_no_message_ever_stops_the_intake(ledger: Ledger, intake: Intake, batch: list[Sent]) -> None:
    placed = [sent._replace(offset=offset) for offset, sent in enumerate(batch)]
    dead = intake.handle(placed)
    before = ledger.store.head()

    assert all(one.reason.endswith(".") and one.code for one in dead)
    assert [] == [one.reason for one in dead if "s3cret" in one.reason]
    assert [] == [one for one in dead if one.code == "unforeseen"]
    again = {one.offset for one in intake.handle(placed)}
    assert before == ledger.store.head() or again < {one.offset for one in dead}
