from __future__ import annotations

from tests.api.conftest import Service


def test_a_stack_is_drafted_approved_by_another_and_activated(service: Service) -> None:
    for name in ("mig", "tig"):
        service.publish(name)

    service.activate("welder", "welder-badge", {"all": [{"achievement": "mig"}, {"achievement": "tig"}]})

    shown = service.person("designer").get("/stacks/welder").get_json()
    assert ("activated", 1, "welder-badge") == (
        shown["versions"][0]["status"],
        shown["activated"],
        shown["versions"][0]["definition"]["milestone"],
    )
    assert ["welder"] == [line["id"] for line in service.person("designer").get("/stacks").get_json()["items"]]


def test_an_unusable_rule_is_refused_by_its_node(service: Service) -> None:
    service.publish("mig")
    service.publish("badge", achievement_type="Badge")
    rule = {"at_least": 3, "of": [{"achievement": "mig"}, {"achievement": "nothing"}]}

    refused = service.person("designer").post(
        "/stacks", {"id": "welder", "name": "Welder", "milestone": "badge", "rule": rule}
    )

    assert (422, "/problems/unusable-rule") == (refused.status_code, refused.get_json()["type"])


def test_a_shorthand_revoke_means_lapse_on_expiry_and_suspend_on_suspension(service: Service) -> None:
    service.publish("mig")
    service.activate(
        "welder", "badge", {"all": [{"achievement": "mig"}]}, on_loss={"policy": "revoke", "grace": "P30D"}
    )

    shown = service.person("designer").get("/stacks/welder/versions/1").get_json()

    policies = {cause: loss["policy"] for cause, loss in shown["definition"]["on_loss"].items()}
    assert {"expired": "lapse", "suspended": "suspend", "revoked": "revoke"} == policies


def test_two_ways_to_say_what_a_loss_does_are_refused(service: Service) -> None:
    service.publish("mig")
    service.publish("badge", achievement_type="Badge")
    body = {
        "id": "welder", "name": "Welder", "milestone": "badge", "rule": {"all": [{"achievement": "mig"}]},
        "on_loss": {"policy": "keep", "expired": {"policy": "lapse"}},
    }  # fmt: skip

    refused = service.person("designer").post("/stacks", body)

    assert ["on_loss.policy"] == [error["field"] for error in refused.get_json()["errors"]]
