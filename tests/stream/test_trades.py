"""Each trade is passed on once, and holes between connections are noticed."""

import pytest

from market import Gap, Trade
from stream_service.trades import TradeMemory
from tests.making import SECOND, a_trade


def pass_on(memory: TradeMemory, *trades: Trade) -> None:
    fresh = [trade for trade in trades if memory.is_new(trade)]
    with memory.passing_on(fresh):
        pass


def test_a_trade_that_was_seen_is_not_new_again() -> None:
    memory = TradeMemory()

    assert memory.is_new(a_trade(number=1))
    assert not memory.is_new(a_trade(number=1, backfilled=True))
    assert memory.is_new(a_trade(number=1, instrument="ETH-USDT"))


def test_a_trade_that_could_not_be_passed_on_is_new_again() -> None:
    memory = TradeMemory()
    pass_on(memory, a_trade(number=5))
    lost = a_trade(number=6)
    assert memory.is_new(lost)

    with pytest.raises(TimeoutError), memory.passing_on([lost]):
        raise TimeoutError
    memory.reconnected()

    assert memory.is_new(lost)
    assert memory.hole([a_trade(number=7)], received_ns=9) is not None


def test_a_backfill_that_reaches_the_last_trade_leaves_no_hole() -> None:
    memory = TradeMemory()
    pass_on(memory, a_trade(number=5))
    memory.reconnected()

    assert memory.hole([a_trade(number=5), a_trade(number=6)], received_ns=9) is None


def test_a_backfill_that_follows_the_last_trade_without_a_jump_leaves_no_hole() -> None:
    memory = TradeMemory()
    pass_on(memory, a_trade(number=5))
    memory.reconnected()

    assert memory.hole([a_trade(number=6)], received_ns=9) is None


def test_a_backfill_that_does_not_reach_back_leaves_a_gap_from_the_last_trade_on() -> None:
    memory = TradeMemory()
    pass_on(memory, a_trade(number=5, at_ns=SECOND))
    memory.reconnected()

    hole = memory.hole([a_trade(number=90, at_ns=7 * SECOND)], received_ns=9 * SECOND)

    assert isinstance(hole, Gap)
    assert (hole.channel, hole.start_ns, hole.end_ns) == ("trade", SECOND, 7 * SECOND)


def test_the_first_connection_leaves_no_hole() -> None:
    memory = TradeMemory()
    memory.reconnected()

    assert memory.hole([a_trade(number=90)], received_ns=9) is None
    assert memory.hole([], received_ns=9) is None


def test_a_hole_is_told_once() -> None:
    memory = TradeMemory()
    pass_on(memory, a_trade(number=5))
    memory.reconnected()

    assert memory.hole([a_trade(number=90)], received_ns=9) is not None
    assert memory.hole([a_trade(number=90)], received_ns=9) is None


def test_a_hole_that_no_backfill_came_for_is_told_after_the_next_connection() -> None:
    memory = TradeMemory()
    pass_on(memory, a_trade(number=5, at_ns=SECOND))
    memory.reconnected()
    pass_on(memory, a_trade(number=90, at_ns=5 * SECOND))  # live, and lost before the backfill
    memory.reconnected()

    hole = memory.hole([a_trade(number=80, at_ns=4 * SECOND)], received_ns=9 * SECOND)

    assert hole is not None
    assert (hole.start_ns, hole.end_ns) == (SECOND, 4 * SECOND)
