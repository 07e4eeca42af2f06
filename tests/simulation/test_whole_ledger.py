"""The whole ledger against a simple model: whatever is done to it in whatever order, they agree."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import WholeLedger


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        (8, 30),
        pytest.param(60, 40, marks=pytest.mark.slow),
        pytest.param(3000, 60, marks=pytest.mark.soak),
    ],
)
def test_the_ledger_does_what_the_model_says(examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(WholeLedger, settings=chosen)
