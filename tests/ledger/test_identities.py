"""Accounts are made once, found again, and come in by keys that are shown once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.errors import Invalid
from ledger.identities import Identities, Principal, Profile
from ledger.store import StoreUnavailable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identities.db"


@pytest.fixture
def identities(path: Path) -> Iterator[Identities]:
    identities = Identities.in_file(path)
    yield identities
    identities.close()


# Accounts


def test_a_ref_is_registered_once(identities: Identities) -> None:
    first = identities.register("learner", ["s4711", "s4712", "s4711"])
    again = identities.register("learner", ["s4712", "s4711", "s4713"])

    assert {"s4711", "s4712"} == first.keys()
    assert first == {ref: account for ref, account in again.items() if ref != "s4713"}
    assert 3 == len(set(again.values()))
    assert all(account.startswith("lrn_") and "s471" not in account for account in again.values())


def test_a_learner_and_a_person_may_have_the_same_ref(identities: Identities) -> None:
    (learner,) = identities.register("learner", ["ana"]).values()
    (person,) = identities.register("person", ["ana"]).values()

    assert learner.startswith("lrn_")
    assert person.startswith("per_")
    assert (learner, person) == (identities.find("learner", "ana"), identities.find("person", "ana"))
    assert identities.find("person", "ben") is None


def test_a_ref_registered_twice_at_once_is_one_account(path: Path) -> None:
    stores = [Identities.in_file(path) for _ in range(4)]
    refs = [str(number) for number in range(1500)]
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda store: store.register("learner", refs), stores)

    assert [first] * 3 == others
    for store in stores:
        store.close()


def test_what_a_ref_looks_like_is_the_colleges_business(identities: Identities) -> None:
    refs = ["O'Neill; DROP TABLE accounts", "Zoë", "  ", "%", "学生"]

    accounts = identities.register("learner", refs)
    assert set(refs) == {profile.ref for profile in identities.profiles(accounts.values()).values()}
    with pytest.raises(Invalid, match="Unicode"):
        identities.register("learner", ["\ud800"])
    with pytest.raises(Invalid, match="NUL"):
        identities.register("learner", ["a\0b"])


def test_accounts_last(path: Path, identities: Identities) -> None:
    accounts = identities.register("learner", ["4711"])
    identities.close()

    again = Identities.in_file(path, create=False)
    assert accounts == again.register("learner", ["4711"])
    again.close()


def test_accounts_that_are_missing_are_not_made_anew(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="missing"):
        Identities.in_file(path, create=False)
    assert not path.exists()


# Profiles


def test_a_profile_is_what_was_said_last(identities: Identities) -> None:
    (account,) = identities.register("learner", ["4711"]).values()
    assert Profile(account, "learner", "4711") == identities.profile(account)

    identities.update(account, name="Lee Park", email="lee@college.example")
    assert Profile(account, "learner", "4711", "Lee Park", "lee@college.example") == identities.profile(account)
    assert identities.profile("lrn_nobody") is None


def test_many_profiles_are_read_at_once(identities: Identities) -> None:
    accounts = identities.register("learner", [str(number) for number in range(1200)])

    profiles = identities.profiles([*accounts.values(), "lrn_nobody"])
    assert accounts == {profile.ref: account for account, profile in profiles.items()}


def test_people_are_searched_by_any_part_of_what_is_known(identities: Identities) -> None:
    accounts = identities.register("learner", ["10%", "1000", "x10%"])
    identities.update(accounts["1000"], name="Lee_Park", email="lee@college.example")

    assert ["10%", "x10%"] == [profile.ref for profile in identities.search("10%")]
    assert ["1000"] == [profile.ref for profile in identities.search("lee_park")]
    assert ["1000"] == [profile.ref for profile in identities.search("COLLEGE")]
    assert ["x10%"] == [profile.ref for profile in identities.search(accounts["x10%"])]
    assert [] == identities.search("lee_park", kind="person") == identities.search("nobody")
    assert 2 == len(identities.search("10", limit=2))


def test_letters_beyond_a_to_z_are_searched_as_they_are_written(identities: Identities) -> None:
    account = identities.register("learner", ["1"])["1"]
    identities.update(account, name="ÉLODIE Côté", email=None)

    assert ["1"] == [profile.ref for profile in identities.search("Élodie")]
    assert [] == identities.search("élodie")


# Keys


def test_a_key_says_whose_it_is_and_in_which_role(identities: Identities) -> None:
    plain = identities.create_key("registrar", "per_gail")

    principal = identities.check_key(plain)
    assert principal == Principal("per_gail", "registrar", principal.key_id if principal else "")
    assert [("per_gail", "registrar")] == [(key.account, key.role) for key in identities.keys()]


def test_a_key_is_shown_once_and_kept_as_a_hash(path: Path, identities: Identities) -> None:
    plain = identities.create_key("registrar", "per_gail")
    identities.close()

    assert plain.removeprefix("ldg_").encode() not in b"".join(file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.parametrize("wrong", ["", "ldg_", "ldg_guess", "Bearer", "ldg_\x00", "ключ"])
def test_what_is_no_key_is_nobodys(identities: Identities, wrong: str) -> None:
    plain = identities.create_key("registrar", "per_gail")

    assert identities.check_key(wrong) is None
    assert identities.check_key(plain[:-1]) is None
    assert identities.check_key(plain + "A") is None


def test_a_key_ends_when_it_expires_or_is_taken_back(identities: Identities) -> None:
    now = datetime.now(UTC)
    lasting = identities.create_key("auditor", "per_ana", now + timedelta(hours=1))
    ended = identities.create_key("auditor", "per_ana", now - timedelta(seconds=1))

    principal = identities.check_key(lasting)
    assert principal is not None
    assert identities.check_key(ended) is None
    assert identities.delete_key(principal.key_id)
    assert identities.check_key(lasting) is None
    assert not identities.delete_key(principal.key_id)


def test_when_a_key_was_last_used_is_noted(identities: Identities) -> None:
    plain = identities.create_key("auditor", "per_ana")
    assert [None] == [key.last_used_us for key in identities.keys()]

    identities.check_key(plain)
    (noted,) = [key.last_used_us for key in identities.keys()]
    identities.check_key(plain)
    assert [noted] == [key.last_used_us for key in identities.keys()] != [None]


def test_a_ref_is_the_same_however_its_letters_are_composed_and_whatever_blanks_are_around_it(
    identities: Identities,
) -> None:
    composed, decomposed, padded = "Jos\u00e9", "Jose\u0301", " Jos\u00e9 "

    accounts = identities.register("learner", [composed, decomposed, padded])

    assert 1 == len(set(accounts.values()))
    assert accounts == identities.find_all("learner", [padded, decomposed, composed])
