"""Personal text is sealed under a key per learner, and gone with it."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import Erased
from ledger.events import AwardRevoked, EvidenceAssessed, LearnerRegistered
from ledger.keys import LearnerKeys, NoKey, WrongKek, _Cipher, reveal_fact, seal_command
from ledger.learners.commands import AssessEvidence, RegisterLearner, Settle, WithdrawEvidence
from ledger.private import Private, private
from ledger.store import StoreUnavailable
from tests.examples import START

LEE, KIM = "lrn_lee", "lrn_kim"
KEK = bytes(range(32))
SEALED_LONG_AGO = "qp2y0ndJhNVxEMQeBJwGG6lA6euUC0jFK4/HABpuz563Ug=="
WRAPPED_LONG_AGO = "ZGVmZ2hpamtsbW5vaDr8RV3McLkWS3XD9khE0nLzNDm/WcVFn+iWc8eem3faxaSiR8xsavMeyUUUvLRt"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def keys(path: Path) -> Iterator[LearnerKeys]:
    keys = LearnerKeys.in_file(path, KEK)
    keys.ensure([LEE])
    yield keys
    keys.close()


def destroy(path: Path, learner: str) -> None:
    """Do what erasing will do: the key goes, a tombstone stays."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE data_keys SET wrapped = NULL, destroyed_us = 1 WHERE learner = ?", (learner,))


# Sealing


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), aad=st.text())
def test_what_is_sealed_is_revealed_and_seals_to_the_same_bytes_again(keys: LearnerKeys, text: str, aad: str) -> None:
    try:
        (text + aad).encode()
    except UnicodeEncodeError:
        return
    sealed = keys.seal(LEE, aad, text)

    assert text == keys.reveal(LEE, aad, sealed)
    assert sealed == keys.seal(LEE, aad, text)
    assert len(text.encode()) + 12 + 16 == len(sealed)


def test_the_same_text_elsewhere_or_of_another_seals_to_other_bytes(keys: LearnerKeys) -> None:
    keys.ensure([KIM])

    sealed = {keys.seal(LEE, "ev_1|narrative", "I weld"), keys.seal(LEE, "ev_2|narrative", "I weld")}
    assert 3 == len(sealed | {keys.seal(KIM, "ev_1|narrative", "I weld")})


def test_sealed_text_cannot_be_moved_altered_or_claimed_by_another(keys: LearnerKeys) -> None:
    keys.ensure([KIM])
    sealed = keys.seal(LEE, "ev_1|narrative", "I weld")

    for learner, aad, text in [
        (LEE, "ev_2|narrative", sealed),
        (LEE, "ev_1|evidence_url", sealed),
        (KIM, "ev_1|narrative", sealed),
        (LEE, "ev_1|narrative", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (LEE, "ev_1|narrative", bytes([sealed[0] ^ 1]) + sealed[1:]),
        (LEE, "ev_1|narrative", b""),
    ]:
        with pytest.raises(ValueError, match="does not belong"):
            keys.reveal(learner, aad, text)


def test_the_format_of_sealed_text_never_changes() -> None:
    """Frozen bytes: ledgers hold such."""
    cipher = _Cipher(bytes(range(32, 64)))
    aad, text = b"ev_1|narrative", b"I weld"

    sealed = base64.b64decode(SEALED_LONG_AGO)
    assert text == cipher.seal.decrypt(sealed[:12], sealed[12:], aad)
    assert sealed == cipher.sealed(aad, text)


def test_the_format_of_wrapped_keys_never_changes(path: Path, keys: LearnerKeys) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        wrapped = base64.b64decode(WRAPPED_LONG_AGO)
        connection.execute("INSERT INTO data_keys (learner, wrapped) VALUES ('lrn_long_ago', ?)", (wrapped,))

    assert "I weld" == keys.reveal("lrn_long_ago", "ev_1|narrative", base64.b64decode(SEALED_LONG_AGO))


# Keys


def test_keys_last(path: Path, keys: LearnerKeys) -> None:
    sealed, digest = keys.seal(LEE, "a", "I weld"), keys.digest(LEE, "row", "17")
    keys.close()

    again = LearnerKeys.in_file(path, KEK, create=False)
    assert ("I weld", digest) == (again.reveal(LEE, "a", sealed), again.digest(LEE, "row", "17"))
    assert sealed == again.seal(LEE, "a", "I weld")
    again.close()


def test_making_sure_of_a_key_twice_keeps_the_first(path: Path, keys: LearnerKeys) -> None:
    sealed = keys.seal(LEE, "a", "I weld")
    keys.ensure([LEE, LEE, KIM])
    other = LearnerKeys.in_file(path, KEK)
    other.ensure(f"lrn_{number}" for number in range(1200))
    other.ensure([LEE, KIM])

    assert sealed == other.seal(LEE, "a", "I weld")
    assert keys.seal(KIM, "a", "b") == other.seal(KIM, "a", "b")
    assert keys.has("lrn_1199")
    other.close()


def test_nothing_is_sealed_for_whom_there_is_no_key(keys: LearnerKeys) -> None:
    with pytest.raises(NoKey):
        keys.seal(KIM, "a", "text")
    assert not keys.has(KIM)
    assert keys.reveal(KIM, "a", b"x" * 40) is None


def test_the_wrong_key_encryption_key_is_noticed_when_the_keys_are_opened(path: Path, keys: LearnerKeys) -> None:
    with pytest.raises(WrongKek):
        LearnerKeys.in_file(path, bytes(32))


def test_keys_that_are_missing_are_not_made_anew(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="missing"):
        LearnerKeys.in_file(path, KEK, create=False)
    assert not path.exists()


def test_neither_keys_nor_text_stand_in_the_file(path: Path, keys: LearnerKeys) -> None:
    keys.seal(LEE, "a", "I weld")
    plain = keys._unwrap(LEE, keys._database.fetch("SELECT wrapped FROM data_keys")[0][0])
    keys.close()

    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"I weld" not in written
    assert plain not in written


# Erasure, whose command comes later and whose format does not change


def test_what_was_sealed_under_a_destroyed_key_is_gone(path: Path, keys: LearnerKeys) -> None:
    sealed = keys.seal(LEE, "a", "I weld")
    keys.close()
    destroy(path, LEE)

    keys = LearnerKeys.in_file(path, KEK)
    assert keys.reveal(LEE, "a", sealed) is None
    keys.ensure([LEE, KIM])
    with pytest.raises(Erased):
        keys.seal(LEE, "a", "again")
    assert (False, True) == (keys.has(LEE), keys.has(KIM))
    keys.close()


# Digests


def test_a_digest_finds_the_same_text_of_one_learner_again_and_of_no_other(keys: LearnerKeys) -> None:
    keys.ensure([KIM])

    assert keys.digest(LEE, "row", "17") == keys.digest(LEE, "row", "17")
    assert 4 == len({keys.digest(*of) for of in [(LEE, "row", "17"), (KIM, "row", "17"), (LEE, "r", "ow17"), (LEE,)]})
    assert keys.fingerprint(b"a") == keys.fingerprint(b"a") != keys.fingerprint(b"b")


# Commands and facts


def test_every_personal_text_of_a_command_is_sealed(keys: LearnerKeys) -> None:
    command = AssessEvidence(
        learner_id=LEE, assessment_id="asm_1", evidence_id="ev_1", assessor="per_ana",
        feedback=private("well done"), comments={"bead": Private(plain="even")},
    )  # fmt: skip

    sealed = seal_command(keys, LEE, command)
    assert sealed.feedback == Private(sealed=keys.seal(LEE, "asm_1|feedback", "well done"))
    assert sealed.comments == {"bead": Private(sealed=keys.seal(LEE, "asm_1|comments.bead", "even"))}
    assert sealed == seal_command(keys, LEE, command) == seal_command(keys, LEE, sealed)


def test_a_command_without_personal_text_needs_no_key(keys: LearnerKeys) -> None:
    for command in (RegisterLearner(learner_id=KIM), Settle(learner_id=KIM)):
        assert command == seal_command(keys, KIM, command)
    with pytest.raises(NoKey):
        seal_command(keys, KIM, WithdrawEvidence(learner_id=KIM, evidence_id="ev_1", by=KIM, reason=private("oops")))


def test_the_texts_of_a_fact_are_revealed_by_field(keys: LearnerKeys) -> None:
    sealed = seal_command(
        keys,
        LEE,
        AssessEvidence(
            learner_id=LEE, assessment_id="asm_1", evidence_id="ev_1", assessor="per_ana",
            feedback=private("well done"), comments={"bead": Private(plain="even")},
        ),
    )  # fmt: skip
    fact = EvidenceAssessed(
        effective_at=START, assessment_id="asm_1", evidence_id="ev_1", assessor="per_ana", compared=(), met=True,
        feedback=sealed.feedback, comments=sealed.comments,
    )  # fmt: skip

    assert {"feedback": "well done", "comments": {"bead": "even"}} == reveal_fact(keys, LEE, fact)
    assert {} == reveal_fact(keys, LEE, LearnerRegistered(effective_at=START))


def test_the_texts_of_an_erased_learner_read_as_erased(path: Path, keys: LearnerKeys) -> None:
    reason = Private(sealed=keys.seal(LEE, "awd_1|reason", "forged"))
    keys.close()
    destroy(path, LEE)
    keys = LearnerKeys.in_file(path, KEK)

    fact = AwardRevoked(effective_at=START, award_id="awd_1", cause="hand", request_id="req_1", reason=reason)
    assert {"reason": "[erased]"} == reveal_fact(keys, LEE, fact)
    assert {"reason": None} == reveal_fact(keys, LEE, AwardRevoked(effective_at=START, award_id="a", cause="stack"))
    keys.close()
