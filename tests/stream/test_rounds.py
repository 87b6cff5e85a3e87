"""Rounds of questions: each once a period, spread over it, none while its answer is awaited."""

from hypothesis import given
from hypothesis import strategies as st

from stream_service.rounds import PATIENCE, Rounds
from tests.making import MINUTE, SECOND

THINGS = [f"thing {number}" for number in range(7)]


def rounds() -> Rounds[str]:
    return Rounds(period_s=60, delay_s=3, spread_s=50)


def test_the_first_round_begins_after_the_delay_and_ends_after_the_spread() -> None:
    asking = rounds()
    asking.due(THINGS, 0)

    due = {thing: second for second in range(60) for thing in asking.due(THINGS, second * SECOND)}

    assert list(due) == THINGS
    assert (due[THINGS[0]], due[THINGS[1]], due[THINGS[6]]) == (3, 11, 46)


@given(steps=st.lists(st.integers(0, 3 * MINUTE), max_size=60))
def test_nothing_is_due_twice_in_one_period(steps: list[int]) -> None:
    asking, now_ns = rounds(), 0
    found: dict[tuple[str, int], int] = {}

    for step in steps:
        now_ns += step
        for place, thing in enumerate(THINGS):
            if thing in asking.due(THINGS, now_ns):
                number = (now_ns - 3 * SECOND - place * (50 * SECOND // 7)) // MINUTE
                found[thing, number] = found.get((thing, number), 0) + 1
                asking.answered(thing)

    assert all(times == 1 for times in found.values())


def test_what_was_not_answered_is_asked_for_again_after_some_patience() -> None:
    asking = rounds()

    asked = [minute for minute in range(20) if asking.due(["one"], minute * MINUTE)]

    assert asked == [1, 1 + PATIENCE, 1 + 2 * PATIENCE, 1 + 3 * PATIENCE]


def test_what_is_met_later_waits_for_its_first_round() -> None:
    asking = rounds()
    asking.due(["one"], 0)

    assert asking.due(["one", "two"], MINUTE + 40 * SECOND) == ["one"]
    assert asking.due(["one", "two"], 2 * MINUTE + 40 * SECOND) == ["two"]
