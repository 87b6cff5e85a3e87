"""Every id is known once it came, whatever ids look like and whatever order they come in."""

from hypothesis import given
from hypothesis import strategies as st

from analytics.trade_ids import TradeIds

numbers = st.integers(0, 40).map(str)
oddities = st.sampled_from(
    ("", "0", "00", "01", "-1", "+1", "1.0", " 1", "1_0", "\u0661", "a", "10a", "9" * 5_000)
)


@given(st.lists(numbers | oddities))
def test_an_id_is_new_the_first_time_and_never_again(ids: list[str]) -> None:
    known = TradeIds()

    told_as_new = [trade_id for trade_id in ids if known.add(trade_id)]

    assert told_as_new == list(dict.fromkeys(ids))
    assert len(known) == len(told_as_new)


def test_a_number_that_came_too_early_is_known_when_the_run_reaches_it() -> None:
    known = TradeIds()

    came = [known.add(trade_id) for trade_id in ("7", "9", "8", "9", "10", "10")]

    assert came == [True, True, True, False, True, False]
    assert len(known) == 4
