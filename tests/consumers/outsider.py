"""
A consumer from outside, written from `docs/kafka.md` and `docs/schemas` alone; it knows nothing of our code.

    python outsider.py BOOTSTRAP SCHEMAS

Reads the events to their end, checks each against its schema, and prints what each learner holds, by learner.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
from confluent_kafka import Consumer, KafkaError, TopicPartition

TOPIC = "ledger.events.v1"
EARLIEST = -2


def read(bootstrap: str) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Return key, headers and value of each fact, each once, in their order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "outsider",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.message.max.bytes": 9_000_000,
        }
    )
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    consumer.assign([TopicPartition(TOPIC, number, EARLIEST) for number in partitions])
    found: list[tuple[str, dict[str, str], dict[str, Any]]] = []
    versions: dict[str, int] = {}
    unread = set(partitions)
    while unread:
        message = consumer.poll(10)
        assert message is not None, "Kafka is silent"
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            unread.discard(message.partition())
            continue
        key, value = message.key(), message.value()
        assert key is not None, "every fact has a key"
        assert value is not None, "every fact has a value"
        headers = _texts(message.headers())
        version, had = int(headers["ce_streamversion"]), versions.get(headers["ce_subject"], 0)
        if version <= had:
            continue
        assert version == had + 1, f"{headers['ce_id']} came without the one before it"
        versions[headers["ce_subject"]] = version
        found.append((key.decode(), headers, json.loads(value)))
    consumer.close()
    return found


def _texts(headers: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in headers}


def hold(facts: list[tuple[dict[str, str], dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the awards of one learner, as the published transcript has them."""
    awards: dict[str, dict[str, Any]] = {}
    asked = _instant(facts[-1][0]["ce_time"])
    for headers, fact in facts:
        kind = headers["ce_type"]
        if kind == "achievement.awarded.v1":
            awards[fact["award_id"]] = {"fact": fact, "until": fact.get("valid_until"), "causes": set(), "ended": None}
            if "renews" in fact:
                _happen(awards[fact["renews"]], asked, fact, ended="renewed")
        elif kind == "award.suspended.v1":
            _happen(awards[fact["award_id"]], asked, fact, suspended=fact["cause"])
        elif kind == "award.reinstated.v1":
            if fact["lifts"] in ("hand", "stack"):
                _happen(awards[fact["award_id"]], asked, fact, lifted=fact["lifts"])
            else:
                _happen(awards[fact["award_id"]], asked, fact, ended=None)
        elif kind == "award.revoked.v1":
            if fact["cause"] == "voided":
                awards[fact["award_id"]]["voided"] = True
            else:
                _happen(awards[fact["award_id"]], asked, fact, ended="revoked")
        elif kind == "award.expired.v1":
            _happen(awards[fact["award_id"]], asked, fact, ended="expired")
        elif kind == "award.lapsed.v1":
            _happen(awards[fact["award_id"]], asked, fact, ended="lapsed")
        elif kind == "award.extended.v1" and "valid_until" in fact:
            awards[fact["award_id"]]["until"] = fact["valid_until"]
    return [_shown(award, asked) for award in awards.values()]


def _happen(award: dict[str, Any], asked: datetime, fact: dict[str, Any], **what: str | None) -> None:
    if _instant(fact["effective_at"]) > max(asked, _instant(award["fact"]["effective_at"])):
        return
    if "ended" in what:
        award["ended"] = what["ended"]
    if "suspended" in what:
        award["causes"].add(what["suspended"])
    award["causes"].discard(what.get("lifted"))


def _shown(award: dict[str, Any], asked: datetime) -> dict[str, Any]:
    fact = award["fact"]
    instant = max(asked, _instant(fact["effective_at"]))
    if award.get("voided"):
        status = "voided"
    elif award["ended"]:
        status = award["ended"]
    elif award["until"] and _instant(award["until"]) <= instant:
        status = "expired"
    else:
        status = "suspended" if award["causes"] else "live"
    shown = {
        "award": fact["award_id"],
        "achievement": fact["achievement_id"],
        "version": fact["achievement_version"],
        "effective_at": fact["effective_at"],
        "status": status,
        "valid_until": award["until"],
        "renews": fact.get("renews"),
        "stack": fact["basis"].get("stack"),
        "stack_version": fact["basis"].get("stack_version"),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def main(bootstrap: str, schemas: Path) -> None:
    """Follow, check, and tell."""
    validators = {
        path.name.removesuffix(".json"): jsonschema_rs.validator_for(
            json.loads(path.read_text("utf-8")), validate_formats=True
        )
        for path in schemas.glob("*.json")
    }
    learners: dict[str, list[tuple[dict[str, str], dict[str, Any]]]] = {}
    for key, headers, value in read(bootstrap):
        validators[headers["ce_type"]].validate(value)
        learners.setdefault(key, []).append((headers, value["fact"]))
    transcripts = {
        learner: {"learner": learner, "position": int(facts[-1][0]["ce_position"]), "awards": hold(facts)}
        for learner, facts in learners.items()
    }
    for transcript in transcripts.values():
        validators["learner.transcript.v1"].validate(transcript)
    print(json.dumps(transcripts))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
