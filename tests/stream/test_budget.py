"""The calls of a day: never more than are allowed, spread, and for what matters most first."""

from collections import Counter, deque
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_service.budget import DAY_NS, CallBudget, Spent
from stream_service.polled import Allowance, Wish
from stream_service.venue import HttpRequest
from tests.making import MINUTE, SECOND

HOUR = 60 * MINUTE
MIDNIGHT = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * SECOND
NOON = MIDNIGHT + 12 * HOUR
KNOWN = Spent(day=MIDNIGHT // DAY_NS, used=0, seen_ns=MIDNIGHT)

RATE = Wish(request=HttpRequest("/rate"), every_s=60.0, importance=3.0)
SHARE = Wish(request=HttpRequest("/share"), every_s=60.0)


def granted(budget: CallBudget, now_ns: int, *wishes: Wish) -> str:
    """Grant a wish as the actor does; return its path, empty if none was granted."""
    wish = budget.pick(wishes or (RATE, SHARE), now_ns)
    if wish is None:
        return ""
    budget.spend(wish.request, now_ns)
    return wish.request.path


def call_times(budget: CallBudget, start_ns: int, end_ns: int, step_ns: int) -> list[int]:
    return [at_ns for at_ns in range(start_ns, end_ns, step_ns) if granted(budget, at_ns)]


def test_calls_are_spread_over_what_is_left_of_the_day() -> None:
    budget = CallBudget(Allowance(a_day=12), KNOWN)

    times = call_times(budget, NOON, MIDNIGHT + DAY_NS, MINUTE)

    gaps = [(b - a) / HOUR for a, b in pairwise(times)]
    assert len(times) == 12
    assert gaps == pytest.approx([1.0] * 11, abs=0.05)


def test_a_few_calls_may_be_made_ahead_of_the_pace() -> None:
    budget = CallBudget(Allowance(a_day=12, burst=3), KNOWN)

    times = call_times(budget, NOON, MIDNIGHT + DAY_NS, MINUTE)

    assert times[:3] == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    assert times[3] > NOON + 2 * HOUR
    assert len(times) == 12


def test_when_nobody_knows_what_was_spent_the_pace_is_that_of_a_whole_day() -> None:
    budget = CallBudget(Allowance(a_day=24))

    times = call_times(budget, MIDNIGHT + 21 * HOUR, MIDNIGHT + DAY_NS, MINUTE)

    assert [(at_ns - MIDNIGHT) // HOUR for at_ns in times] == [21, 22, 23]


def test_a_restart_does_not_give_the_calls_anew() -> None:
    allowance = Allowance(a_day=2, burst=2)
    budget = CallBudget(allowance, KNOWN)
    assert granted(budget, NOON)
    assert granted(budget, NOON)

    kept = msgspec.json.decode(msgspec.json.encode(budget.spent), type=Spent)
    again = CallBudget(allowance, kept)

    assert not granted(again, NOON + 11 * HOUR)
    assert granted(again, MIDNIGHT + DAY_NS + 6 * HOUR)


def test_calls_keep_their_distance() -> None:
    budget = CallBudget(Allowance(interval_s=1.5))
    granted(budget, NOON)

    assert budget.wait_s(NOON) == 1.5
    assert not granted(budget, NOON + SECOND)
    assert granted(budget, NOON + 2 * SECOND)


def test_of_wishes_that_were_never_granted_the_most_important_is() -> None:
    assert granted(CallBudget(Allowance()), NOON, SHARE, RATE) == "/rate"


def test_an_answer_that_is_fresh_enough_is_not_asked_for_again() -> None:
    budget = CallBudget(Allowance())
    granted(budget, NOON, RATE)

    assert granted(budget, NOON + 59 * SECOND, RATE) == ""
    assert granted(budget, NOON + 60 * SECOND, RATE) == "/rate"


def test_a_rate_is_refreshed_more_often_than_the_tenth_share_and_that_one_too() -> None:
    shares = [Wish(request=HttpRequest(f"/share/{i}"), every_s=3_600.0) for i in range(10)]
    rate = msgspec.structs.replace(RATE, every_s=1_800.0)
    budget = CallBudget(Allowance(a_day=25), KNOWN)

    asked = Counter(
        granted(budget, at_ns, *shares, rate)
        for at_ns in range(MIDNIGHT, MIDNIGHT + 4 * DAY_NS, 10 * MINUTE)
    )

    assert sum(asked.values()) - asked[""] in range(96, 101)
    assert all(asked[share.request.path] >= 4 for share in shares)
    assert asked["/rate"] >= 4 * max(asked[share.request.path] for share in shares)


def test_while_a_service_asks_us_to_wait_it_is_not_called() -> None:
    budget = CallBudget(Allowance())
    budget.hold(30.0, NOON)

    assert not granted(budget, NOON + 29 * SECOND)
    assert granted(CallBudget(Allowance(), budget.spent), NOON + 29 * SECOND) == ""
    assert granted(budget, NOON + 30 * SECOND)


def test_a_wait_is_over_after_a_day_at_most() -> None:
    budget = CallBudget(Allowance())
    budget.hold(1e9, NOON)

    assert budget.wait_s(NOON) <= 86_400.0


def test_a_call_that_brought_no_answer_is_due_again_after_what_is_more_overdue() -> None:
    budget = CallBudget(Allowance())
    granted(budget, NOON, SHARE)
    now_ns = NOON + 5 * MINUTE
    granted(budget, now_ns, RATE)

    budget.unanswered(RATE, now_ns)

    assert granted(budget, now_ns) == "/share"
    assert granted(budget, now_ns) == "/rate"


def test_a_request_that_is_put_off_does_not_keep_others_from_being_made() -> None:
    budget = CallBudget(Allowance())
    budget.put_off(RATE.request, 600.0, NOON)

    assert granted(budget, NOON) == "/share"
    assert granted(budget, NOON, RATE) == ""
    assert granted(budget, NOON + 10 * MINUTE, RATE) == "/rate"


def test_a_clock_that_was_a_year_ahead_starves_nobody() -> None:
    budget = CallBudget(Allowance(a_day=5, burst=5), KNOWN)
    for _ in range(5):
        granted(budget, NOON + 365 * DAY_NS)

    assert not granted(budget, NOON)
    assert granted(budget, NOON + 2 * DAY_NS)


moves = st.lists(
    st.tuples(
        st.sampled_from(["pass", "pass", "pass", "back", "restart"]),
        st.integers(0, 3 * HOUR) | st.integers(0, 2 * MINUTE) | st.integers(0, 2 * SECOND),
    ),
    max_size=150,
)


@given(moves=moves, a_day=st.integers(1, 12), a_minute=st.integers(1, 4), burst=st.integers(1, 4))
def test_no_more_calls_than_allowed_whatever_the_clock_does(
    moves: list[tuple[str, int]], a_day: int, a_minute: int, burst: int
) -> None:
    allowance = Allowance(a_day=a_day, a_minute=a_minute, interval_s=1.0, burst=burst)
    budget = CallBudget(allowance, KNOWN)
    wishes = [Wish(request=HttpRequest(f"/{i}"), every_s=0.001) for i in range(3)]
    now_ns, latest_ns, elapsed_ns = NOON, NOON, 0
    a_day_used: Counter[int] = Counter()
    calls_ns: deque[int] = deque(maxlen=a_minute + 1)

    for move, by_ns in moves:
        match move:
            case "pass":
                now_ns, elapsed_ns = now_ns + by_ns, elapsed_ns + by_ns
            case "back":
                now_ns = max(now_ns - by_ns, latest_ns - 23 * HOUR)
            case "restart":
                budget = CallBudget(allowance, budget.spent)
        latest_ns = max(latest_ns, now_ns)
        day = latest_ns // DAY_NS
        if granted(budget, now_ns, *wishes):
            a_day_used[day] += 1
            assert not calls_ns or elapsed_ns - calls_ns[-1] >= SECOND
            calls_ns.append(elapsed_ns)
            assert len(calls_ns) <= a_minute or elapsed_ns - calls_ns[0] >= MINUTE

    assert max(a_day_used.values(), default=0) <= a_day
