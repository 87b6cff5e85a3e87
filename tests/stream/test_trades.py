"""Each trade is passed on once, and holes between connections are noticed."""

from market import Gap
from stream_service.trades import TradeMemory
from tests.making import SECOND, a_trade


def test_a_trade_that_was_seen_is_not_new_again() -> None:
    memory = TradeMemory()

    assert memory.is_new(a_trade(number=1))
    assert not memory.is_new(a_trade(number=1, backfilled=True))
    assert memory.is_new(a_trade(number=1, instrument="ETH-USDT"))


def test_a_backfill_that_reaches_the_last_trade_leaves_no_hole() -> None:
    memory = TradeMemory()
    memory.is_new(a_trade(number=5))
    memory.reconnected()

    assert memory.hole([a_trade(number=5), a_trade(number=6)], received_ns=9) is None


def test_a_backfill_that_follows_the_last_trade_without_a_jump_leaves_no_hole() -> None:
    memory = TradeMemory()
    memory.is_new(a_trade(number=5))
    memory.reconnected()

    assert memory.hole([a_trade(number=6)], received_ns=9) is None


def test_a_backfill_that_does_not_reach_back_leaves_a_gap_from_the_last_trade_on() -> None:
    memory = TradeMemory()
    memory.is_new(a_trade(number=5, at_ns=SECOND))
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
    memory.is_new(a_trade(number=5))
    memory.reconnected()

    assert memory.hole([a_trade(number=90)], received_ns=9) is not None
    assert memory.hole([a_trade(number=90)], received_ns=9) is None
