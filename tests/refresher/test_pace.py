"""How often something is told."""

import pytest

from refresher_service.pace import Pace
from tests.making import SECOND


def test_first_is_admitted_at_once_and_the_next_when_the_slot_is_over() -> None:
    pace: Pace[str] = Pace(hz=10)

    admitted = [pace.admits("BTC", now_ns) for now_ns in (0, SECOND // 10 - 1, SECOND // 10)]

    assert admitted == [True, False, True]


def test_what_began_at_different_times_is_due_together() -> None:
    pace: Pace[str] = Pace(hz=10)
    first = pace.admits("BTC", 0), pace.admits("ETH", SECOND // 20)

    due = [pace.admits(key, SECOND // 10) for key in ("BTC", "ETH")]

    assert first == (True, True)
    assert due == [True, True]


def test_clock_that_is_set_back_holds_nothing_up() -> None:
    pace: Pace[str] = Pace(hz=10)
    pace.admits("BTC", 100 * SECOND)

    assert pace.admits("BTC", 50 * SECOND)


@pytest.mark.parametrize("hz", [0.0, -1.0, float("nan")])
def test_rate_that_admits_nothing_is_refused(hz: float) -> None:
    with pytest.raises(ValueError, match=f"above 0 Hz, not {hz}"):
        Pace(hz)
