"""Settings are checked before anything is opened."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ledger.settings import PostgresUrls, Settings, UnusableSettings

KEK = base64.b64encode(bytes(range(32))).decode()


def test_the_ledger_is_beside_where_it_is_started_unless_said_otherwise() -> None:
    assert Path("ledger.db") == Settings.from_environment({}).database
    assert Path("data/x.db") == Settings.from_environment({"LEDGER_DATABASE_URL": "sqlite:///data/x.db"}).database
    assert Path("/data/x.db") == Settings.from_environment({"LEDGER_DATABASE_URL": "sqlite:////data/x.db"}).database


def test_what_is_asked_for_goes_before_the_environment() -> None:
    environment = {"LEDGER_DATABASE_URL": "sqlite:///a.db"}

    for database in ("sqlite:///b.db", "b.db"):
        assert Path("b.db") == Settings.from_environment(environment, database=database).database


def test_the_other_files_are_named_after_the_ledgers() -> None:
    settings = Settings.from_environment({}, database="/srv/college.db")

    assert ("/srv/college-keys.db", "/srv/college-identities.db") == (str(settings.keys), str(settings.identities))
    assert ("/srv/college-views", "/srv/college.kek") == (str(settings.views), str(settings.kek_file))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://host/x",
        "postgresql://host",
        "postgresql://host:port/x",
        "postgresql://one:5432,two:port/x",
        "postgresql://[host/x",
        "sqlite:///",
        "sqlite:///:memory:",
        ":memory:",
        "file:x?mode=memory",
    ],
)
def test_a_database_that_cannot_keep_a_record_is_refused(url: str) -> None:
    with pytest.raises(UnusableSettings, match="LEDGER_DATABASE_URL"):
        Settings.from_environment({"LEDGER_DATABASE_URL": url})


def test_what_can_be_erased_is_kept_in_a_database_of_its_own() -> None:
    log = "postgresql://app:secret@db.example:5432/college?sslmode=require"
    private = "postgresql://app:secret@vault.example/people"

    settings = Settings.from_environment({"LEDGER_DATABASE_URL": log})
    assert PostgresUrls(log, log.replace("/college", "/college_private")) == settings.database
    both = {"LEDGER_DATABASE_URL": log, "LEDGER_PRIVATE_DATABASE_URL": private}
    assert PostgresUrls(log, private) == Settings.from_environment(both).database
    other = Settings.from_environment(both, database="postgresql://db/other").database
    assert PostgresUrls("postgresql://db/other", "postgresql://db/other_private") == other
    with pytest.raises(UnusableSettings, match="another database"):
        Settings.from_environment(both | {"LEDGER_PRIVATE_DATABASE_URL": log})


def test_a_standby_may_be_named_beside_the_server() -> None:
    url = "postgresql://app:secret@one:5432,two:5433/college?target_session_attrs=read-write"

    found = Settings.from_environment({"LEDGER_DATABASE_URL": url}).database

    assert PostgresUrls(url, url.replace("/college", "/college_private")) == found
    assert "postgresql://app@one:5432,two:5433/college" == str(found)


def test_passwords_are_never_shown() -> None:
    settings = Settings.from_environment({"LEDGER_DATABASE_URL": "postgresql://app:s3cret@db:5432/college"})

    assert "postgresql://app@db:5432/college" == str(settings.database)
    assert "s3cret" not in repr(settings)
    with pytest.raises(UnusableSettings) as refused:
        Settings.from_environment({"LEDGER_DATABASE_URL": "postgresql://app:s3cret@db:x/college"})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:99999", "kafka:9092,", "kafka:９０９２"]
)
def test_brokers_without_a_host_and_a_port_are_refused(text: str) -> None:
    with pytest.raises(UnusableSettings, match="LEDGER_KAFKA"):
        Settings.from_environment({"LEDGER_KAFKA": text})


def test_brokers_and_the_systems_that_may_send_commands_are_listed_with_commas() -> None:
    settings = Settings.from_environment({"LEDGER_KAFKA": "a:9092, b:9093", "LEDGER_INTAKE_SOURCES": "lms, ,exams"})

    assert ("a:9092,b:9093", frozenset({"lms", "exams"})) == (settings.kafka, settings.intake_sources)


def test_a_ledger_in_postgresql_asks_for_its_key_encryption_key(tmp_path: Path) -> None:
    environment = {"LEDGER_DATABASE_URL": "postgresql://db/college"}
    with pytest.raises(UnusableSettings, match="LEDGER_KEK_FILE"):
        Settings.from_environment(environment).key_encryption_key(create=True)

    environment["LEDGER_KEK_FILE"] = str(tmp_path / "kek")
    made = Settings.from_environment(environment).key_encryption_key(create=True)
    assert made == Settings.from_environment(environment).key_encryption_key()
    with pytest.raises(UnusableSettings, match="PostgreSQL"):
        Settings.from_environment(environment).views  # noqa: B018


@pytest.mark.parametrize("value", ["yes", "TRUE", "1", "on", "perhaps"])
def test_the_setting_under_which_followers_miss_facts_is_refused(value: str) -> None:
    with pytest.raises(UnusableSettings, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        Settings.from_environment({"POSTGRES_ENABLE_DB_FUNCTIONS": value})
    for off in ("", "no", "False", "0"):
        Settings.from_environment({"POSTGRES_ENABLE_DB_FUNCTIONS": off})


# The key-encryption key


def test_the_key_encryption_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")

    key = settings.key_encryption_key(create=True)
    assert 32 == len(key)
    assert 0o600 == settings.kek_file.stat().st_mode & 0o777
    assert key == settings.key_encryption_key(create=True) == settings.key_encryption_key()
    assert [settings.kek_file] == list(tmp_path.iterdir())


def test_the_key_encryption_key_may_come_from_the_environment(tmp_path: Path) -> None:
    settings = Settings.from_environment({"LEDGER_KEK": KEK}, database=str(tmp_path / "ledger.db"))

    assert bytes(range(32)) == settings.key_encryption_key(create=True)
    assert [] == list(tmp_path.iterdir())
    assert KEK not in repr(settings)


def test_a_key_encryption_key_that_is_lost_is_not_made_anew(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    settings.keys.touch()

    for create in (True, False):
        with pytest.raises(UnusableSettings, match="there is no key-encryption key"):
            settings.key_encryption_key(create=create)


def test_a_key_encryption_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    settings.key_encryption_key(create=True)
    settings.kek_file.chmod(0o644)

    with pytest.raises(UnusableSettings, match="644"):
        settings.key_encryption_key()


@pytest.mark.parametrize("text", ["", "secret", KEK[:-4], KEK + "AAAA", "é"])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    settings = Settings(database=tmp_path / "ledger.db")
    settings.kek_file.write_text(text)
    settings.kek_file.chmod(0o600)

    with pytest.raises(UnusableSettings, match="32 bytes"):
        settings.key_encryption_key()
