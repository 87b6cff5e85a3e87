from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings

from cryptotracker.state_answer import answer
from cryptotracker.state_file import state_of
from tests.analytics.routes.answered import answered
from tests.analytics.routes.comparing import differences
from tests.analytics.routes.states import states

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=100, suppress_health_check=SLOW)
@given(state=states())
def test_routes_of_a_state_are_those_that_brute_force_knows(state: dict[str, Any]) -> None:
    expected = answered(state)

    assert differences(expected, answer(state_of(state))) == []


@settings(max_examples=20, suppress_health_check=SLOW)
@given(state=states())
def test_the_order_of_books_changes_nothing(state: dict[str, Any]) -> None:
    turned = state | {"books": state["books"][::-1], "transfers": state["transfers"][::-1]}

    assert answer(state_of(turned)) == answer(state_of(state))


def test_random_states_have_routes_of_every_outcome() -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=300,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=SLOW,
    )
    @given(state=states())
    def look(state: dict[str, Any]) -> None:
        found = answer(state_of(state))
        for part in ("routes", "suspects", "dropped", "excluded_books"):
            rows = found[part]
            assert isinstance(rows, list)
            seen.update(row.get("reason", "route") for row in rows)

    look()

    outcomes = {"route", "implausible", "skew", "minimum", "costs", "lot", "small"}
    flaws = {"stale", "gap", "empty"}
    assert outcomes | flaws <= set(seen)
