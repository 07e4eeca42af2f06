"""The whole ledger against a simple model: whatever is done to it in whatever order, they agree."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import WholeLedger


def simulate(examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(WholeLedger, settings=chosen)


def test_the_ledger_does_what_the_model_says() -> None:
    simulate(examples=400, steps=60)


@pytest.mark.soak
def test_the_ledger_does_what_the_model_says_for_long() -> None:
    simulate(examples=2000, steps=60)
