"""Signed notes, verifier keys and checkpoints: known answers of others, and parsers that take one spelling."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.transparency import checkpoint, note
from ledger.transparency.faults import Disproven, Malformed, Unsigned
from ledger.transparency.note import COSIGNATURE, ED25519, Note, Signature, VerifierKey
from tests.ledger.transparency.trees import changed, digest

# golang.org/x/mod/sumdb/note, the example of its documentation and tests.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETERS = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# A checkpoint of a public Certificate Transparency log, with an RFC 6962 signature (which is not read here), the
# log's Ed25519 signature and the cosignatures of four public witnesses.
ARCHE = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
WITNESSED = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OURS = VerifierKey("example.com/log", ED25519, KEY.public_key().public_bytes_raw())


def signed(text: str, key: VerifierKey = OURS) -> Note:
    return Note(text, (Signature(key.name, key.id, KEY.sign(text.encode())),))


def test_a_known_note_is_verified_and_made_again() -> None:
    key = note.read_key(PETER)
    found = note.read(PETERS.encode())
    signature = Ed25519PrivateKey.from_private_bytes(PETERS_SEED).sign(found.text.encode())

    assert [key] == note.verified(found, [key])
    assert PETER == str(key)
    assert PETERS == str(Note(found.text, (Signature(key.name, key.id, signature),)))


def test_a_witnessed_checkpoint_is_verified_by_the_keys_of_log_and_witness() -> None:
    log, witness = note.read_key(ARCHE), note.read_key(REMORA)
    found, whole = checkpoint.opened(WITNESSED.encode(), [log])

    assert ("arche2025h1.staging.ct.transparency.dev", 1432088532) == found[:2]
    assert [log, witness] == note.verified(whole, [log, witness])
    assert WITNESSED == str(whole)
    assert found == checkpoint.read(str(found))
    assert 1779573024 == whole.signatures[4].at
    with pytest.raises(Unsigned):
        checkpoint.opened(WITNESSED.encode(), [witness])


@pytest.mark.parametrize("text", [PETER, ARCHE, REMORA])
def test_any_changed_byte_of_a_verifier_key_is_noticed(text: str) -> None:
    for at in range(len(text)):
        with pytest.raises(Malformed):
            note.read_key(changed(text.encode(), at, 0).decode("latin-1"))
        with pytest.raises(Malformed):
            note.read_key(text[:at])


@pytest.mark.parametrize("name", ["", "two words", "one+other", "no\N{NO-BREAK SPACE}break", "line\nbreak", "bell\a"])
def test_keys_are_named_in_one_word(name: str) -> None:
    with pytest.raises(Malformed):
        note.new_key(name, ED25519, OURS.public)


@given(st.integers(0), st.integers(0))
def test_any_changed_byte_of_a_signed_checkpoint_is_noticed(at: int, to: int) -> None:
    text = str(checkpoint.Checkpoint("example.com/log", 7, digest(b"7")))

    with pytest.raises((Malformed, Disproven)):
        checkpoint.opened(changed(str(signed(text)).encode(), at, to), [OURS])


@given(TEXTS, st.booleans())
def test_notes_are_read_as_they_are_written_or_refused(text: str, ended: bool) -> None:
    written = str(signed(text + "\n" * ended))
    try:
        found = note.read(written.encode())
    except Malformed:
        assert not ended or any(one < " " and one != "\n" for one in text)
    else:
        assert written == str(found)


@given(st.binary(max_size=200))
def test_whatever_is_read_would_be_written_the_same(data: bytes) -> None:
    for one in (data, PETERS.encode() + data, data + PETERS.encode(), PETERS[:120].encode() + data):
        try:
            found = note.read(one)
        except Malformed:
            continue
        assert one == str(found).encode()


@pytest.mark.parametrize(
    "text",
    [
        "a\n7\nroot\n",
        "a\n07\n" + note.encoded(digest(b"")) + "\n",
        "a\n+7\n" + note.encoded(digest(b"")) + "\n",
        "a\n-7\n" + note.encoded(digest(b"")) + "\n",
        "a\n٧\n" + note.encoded(digest(b"")) + "\n",
        "a\n9223372036854775808\n" + note.encoded(digest(b"")) + "\n",
        "a\n" + "9" * 5000 + "\n" + note.encoded(digest(b"")) + "\n",
        "\n7\n" + note.encoded(digest(b"")) + "\n",
        "a\n7\n" + note.encoded(digest(b"")),
        "a\n7\n" + note.encoded(digest(b""))[:-1] + "\n",
        "a\n7\n" + note.encoded(digest(b"")[:31]) + "\n",
        "a\n7\n" + note.encoded(digest(b"")) + "\n\n",
        "a\n0\n" + note.encoded(digest(b"x")) + "\n",
        "a\n7\n",
        "",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        checkpoint.read(text)


@given(TEXTS)
def test_checkpoints_are_read_as_they_would_be_written_or_refused(text: str) -> None:
    for one in (text, f"{text}\n7\n{note.encoded(digest(b''))}\n", f"a\n{text}\n{note.encoded(digest(b''))}\n{text}\n"):
        try:
            found = checkpoint.read(one)
        except Malformed:
            continue
        assert one == str(found)


def test_a_note_with_a_wrong_signature_of_a_trusted_key_is_refused_whoever_else_signed() -> None:
    other = VerifierKey("example.com/log", ED25519, note.read_key(PETER).public)
    both = note.with_signatures(signed("text\n"), [Signature(other.name, other.id, b"\0" * 64)])

    assert [OURS] == note.verified(both, [OURS])
    with pytest.raises(Disproven, match="does not fit"):
        note.verified(both, [OURS, other])


def test_a_key_that_signs_twice_is_refused() -> None:
    one = signed("text\n")

    with pytest.raises(Malformed, match="twice"):
        note.verified(note.with_signatures(one, one.signatures), [OURS])


def test_a_cosignature_covers_its_time() -> None:
    witness = VerifierKey("witness.example", COSIGNATURE, OURS.public)
    made = KEY.sign(note.cosigned("text\n", 1700000000))

    note.verify(witness, "text\n", Signature(witness.name, witness.id, (1700000000).to_bytes(8, "big") + made))
    with pytest.raises(Disproven):
        note.verify(witness, "text\n", Signature(witness.name, witness.id, (1700000001).to_bytes(8, "big") + made))
    with pytest.raises(Disproven, match="length"):
        note.verify(witness, "text\n", Signature(witness.name, witness.id, made))


def test_notes_too_large_are_refused() -> None:
    line = signed("text\n").signatures[0].line

    assert 100 == len(note.read(("text\n\n" + line * 100).encode()).signatures)
    with pytest.raises(Malformed, match="too many"):
        note.read(("text\n\n" + line * 101).encode())
    with pytest.raises(Malformed, match="too long"):
        note.read(("a" * 1_000_001).encode())
