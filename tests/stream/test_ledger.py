"""Each trade goes out once, holes are asked for, and what stays missing is told."""

import msgspec
import pytest

from market import Trade
from stream_service.ledger import LedgerState, TradeLedger
from tests.making import SECOND, a_trade


def pass_on(ledger: TradeLedger, *trades: Trade) -> list[Trade]:
    with ledger.passing_on(trades) as fresh:
        return fresh


def trades(*numbers: int, backfilled: bool = False) -> list[Trade]:
    """Make one trade a second."""
    return [a_trade(number=n, at_ns=n * SECOND, backfilled=backfilled) for n in numbers]


def page(*numbers: int) -> list[Trade]:
    return trades(*numbers, backfilled=True)


def numbered(*known: int) -> TradeLedger:
    ledger = TradeLedger("kraken", consecutive=True)
    pass_on(ledger, *trades(*known))
    return ledger


def unnumbered(*known: int) -> TradeLedger:
    ledger = TradeLedger("kraken", consecutive=False)
    pass_on(ledger, *trades(*known))
    return ledger


def test_a_trade_that_was_seen_is_not_fresh_again() -> None:
    ledger = numbered(1)

    assert pass_on(ledger, *page(1)) == []
    assert ledger.duplicates == 1
    assert pass_on(ledger, a_trade(number=1, instrument="ETH-USDT"))


def test_of_two_connections_only_one_gets_a_trade() -> None:
    ledger = unnumbered()

    assert ledger.fresh(trades(1)) == trades(1)
    assert ledger.fresh(trades(1)) == []


def test_a_trade_that_could_not_be_passed_on_goes_to_whoever_asks_next() -> None:
    ledger = unnumbered()
    with pytest.raises(TimeoutError), ledger.passing_on(trades(1)):
        raise TimeoutError

    assert pass_on(ledger, *trades(2)) == trades(1, 2)
    assert pass_on(ledger, *trades(1, 2)) == []


def test_the_first_trade_is_known_after_a_restart_while_the_second_is_on_its_way() -> None:
    ledger = numbered()
    first, second = ledger.fresh(trades(1)), ledger.fresh(trades(2))
    ledger.suspect(None, "the connection was away", 3 * SECOND)
    ledger.passed_on(first)

    restarted = numbered()
    restarted.restore(ledger.state(ledger.kept()))

    assert restarted.fresh(trades(1)) == second
    assert restarted.duplicates == 1


def test_nothing_is_asked_on_the_first_connection() -> None:
    ledger = TradeLedger("kraken", consecutive=False)

    ledger.suspect(None, "the connection was away", 0)

    assert ledger.recalls() == []


@pytest.mark.parametrize("consecutive", [True, False])
def test_a_page_from_the_last_trade_to_a_live_one_closes_the_hole(*, consecutive: bool) -> None:
    ledger = numbered(1, 2) if consecutive else unnumbered(1, 2)
    ledger.suspect(None, "the connection was away", 3 * SECOND)
    pass_on(ledger, *trades(6))
    (recall,) = ledger.recalls()

    gaps = ledger.answered(recall, page(2, 3, 4, 5, 6), 7 * SECOND)
    fresh = pass_on(ledger, *page(2, 3, 4, 5, 6))

    assert (recall.after, recall.before) == (trades(2)[0], None)
    assert (gaps, ledger.recalls()) == ([], [])
    assert fresh == page(3, 4, 5)
    assert ledger.backfilled == 3


def test_a_page_in_whole_seconds_that_ends_with_the_last_trade_closes_the_hole() -> None:
    last = a_trade(number=2, at_ns=2 * SECOND + SECOND // 4)
    ledger = unnumbered(1)
    pass_on(ledger, last)
    ledger.suspect(None, "the connection was away", 3 * SECOND)

    gaps = ledger.answered(ledger.recalls()[0], page(1, 2), 4 * SECOND)

    assert (gaps, ledger.recalls()) == ([], [])


def test_a_venue_that_pages_backward_is_asked_for_the_page_before() -> None:
    ledger = unnumbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    pass_on(ledger, *trades(8))
    ledger.answered(ledger.recalls()[0], page(6, 7, 8), 9 * SECOND)

    (recall,) = ledger.recalls()
    gaps = ledger.answered(recall, page(1, 2, 3, 4, 5), 10 * SECOND)

    assert recall.before == page(6)[0]
    assert (gaps, ledger.recalls()) == ([], [])


def test_a_venue_that_pages_forward_is_asked_from_where_the_page_ended() -> None:
    ledger = unnumbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    pass_on(ledger, *trades(8))
    ledger.answered(ledger.recalls()[0], page(1, 2, 3, 4), 9 * SECOND)

    (recall,) = ledger.recalls()
    gaps = ledger.answered(recall, page(4, 5, 6, 7, 8), 10 * SECOND)

    assert (recall.after, recall.before) == (page(4)[0], None)
    assert (gaps, ledger.recalls()) == ([], [])


def test_what_a_venue_does_not_tell_becomes_one_gap_with_the_number_missing() -> None:
    ledger = numbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    pass_on(ledger, *trades(9))
    ledger.answered(ledger.recalls()[0], page(7, 8, 9), 10 * SECOND)
    (recall,) = ledger.recalls()

    (gap,) = ledger.gave_up(recall, "the venue tells no older trades", 11 * SECOND)

    assert (gap.start_ns, gap.end_ns, gap.missing) == (1 * SECOND, 7 * SECOND, 5)
    assert gap.reason == "the connection was away, and the venue tells no older trades"
    assert (ledger.recalls(), ledger.gaps) == ([], 1)
    assert ledger.gave_up(recall, "again", 12 * SECOND) == []


def test_a_jump_of_numbers_is_a_hole_and_a_late_trade_fills_it() -> None:
    ledger = numbered(1)
    pass_on(ledger, *trades(4))
    (recall,) = ledger.recalls()

    pass_on(ledger, *trades(3))
    pass_on(ledger, *trades(2))

    assert recall.after == trades(1)[0]
    assert ledger.recalls() == []


def test_a_numbered_instrument_that_was_quiet_while_we_were_away_has_no_gap() -> None:
    ledger = numbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)

    gaps = ledger.gave_up(ledger.recalls()[0], "the venue tells no trades", 3 * SECOND)
    pass_on(ledger, *trades(2))

    assert (gaps, ledger.recalls()) == ([], [])


def test_where_trades_are_not_numbered_a_gap_without_end_ends_now_and_is_told_once() -> None:
    ledger = unnumbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    (first,) = ledger.gave_up(ledger.recalls()[0], "the venue tells no trades", 3 * SECOND)
    ledger.suspect(None, "the connection was away", 5 * SECOND)

    (second,) = ledger.gave_up(ledger.recalls()[0], "the venue tells no trades", 6 * SECOND)

    assert (first.start_ns, first.end_ns, first.missing) == (SECOND, 3 * SECOND, None)
    assert (second.start_ns, second.end_ns) == (3 * SECOND, 6 * SECOND)


def test_a_trade_that_comes_after_its_gap_was_told_is_still_fresh() -> None:
    ledger = numbered(1, 5)
    ledger.gave_up(ledger.recalls()[0], "the venue tells no trades", 6 * SECOND)

    assert pass_on(ledger, *trades(3)) == trades(3)


def test_an_answer_from_before_the_last_suspicion_does_not_close_the_hole() -> None:
    ledger = unnumbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    (asked_before,) = ledger.recalls()
    ledger.suspect(None, "the connection was away", 3 * SECOND)

    gaps = ledger.answered(asked_before, page(1), 4 * SECOND)

    assert gaps == []
    assert len(ledger.recalls()) == 1


def test_a_venue_that_answers_with_nothing_is_asked_three_times() -> None:
    ledger = unnumbered(1)
    ledger.suspect(None, "the connection was away", 2 * SECOND)

    answers = [ledger.answered(ledger.recalls()[0], [], 3 * SECOND) for _ in range(3)]

    assert [len(gaps) for gaps in answers] == [0, 0, 1]


def test_a_trade_that_cannot_be_true_is_told_as_lost_once() -> None:
    ledger = numbered(1)
    (wrong,) = trades(2)

    gap = ledger.lost(wrong, "a price of 1e9 is too far from the last", 3 * SECOND)
    pass_on(ledger, *trades(3))

    assert gap is not None
    assert (gap.start_ns, gap.end_ns, gap.missing) == (2 * SECOND, 2 * SECOND, 1)
    assert ledger.recalls() == []
    assert ledger.lost(page(2)[0], "as before", 4 * SECOND) is None
    assert pass_on(ledger, *page(2)) == []


def test_a_restart_is_a_suspicion_and_passes_nothing_on_twice() -> None:
    ledger = numbered(1, 2)
    in_flight = ledger.fresh(trades(3))
    body = msgspec.json.encode(ledger.state(ledger.kept()))

    restarted = TradeLedger("kraken", consecutive=True)
    restarted.restore(msgspec.json.decode(body, type=LedgerState))
    (recall,) = restarted.recalls()
    restarted.answered(recall, page(1, 2, 3, 4), 5 * SECOND)

    assert recall.after == trades(2)[0]
    assert pass_on(restarted, *page(1, 2, 3, 4)) == [*in_flight, *page(4)]


def test_what_another_venue_kept_is_refused() -> None:
    state = TradeLedger("upbit", consecutive=False).state(())

    with pytest.raises(ValueError, match="'upbit', not of 'kraken'"):
        TradeLedger("kraken", consecutive=True).restore(state)


def test_a_venue_that_numbers_anew_is_followed() -> None:
    ledger = numbered(1_000)
    pass_on(ledger, a_trade(number=1, at_ns=2_000 * SECOND))

    pass_on(ledger, a_trade(number=3, at_ns=2_001 * SECOND))

    assert [recall.after.sequence for recall in ledger.recalls()] == [1]


def test_memory_is_bounded_and_what_was_forgotten_is_not_fresh() -> None:
    ledger = TradeLedger("kraken", consecutive=True, remembered=10)
    pass_on(ledger, *trades(*range(1, 101)))

    assert pass_on(ledger, *page(1, 50, 100)) == []


def test_a_page_that_comes_again_when_it_was_forgotten_is_not_fresh() -> None:
    ledger = TradeLedger("kraken", consecutive=True, remembered=5)
    pass_on(ledger, *trades(1, 6))
    ledger.answered(ledger.recalls()[0], page(1, 2, 3, 4, 5, 6), 7 * SECOND)
    assert len(pass_on(ledger, *page(1, 2, 3, 4, 5, 6))) == 4
    pass_on(ledger, *trades(*range(7, 30)))

    assert pass_on(ledger, *page(1, 2, 3, 4, 5, 6)) == []


def test_many_holes_of_an_instrument_become_fewer() -> None:
    ledger = numbered(*range(1, 500, 2))

    recalls = ledger.recalls()

    assert len(recalls) == 100
    assert recalls[0].after.sequence == 1


def cut(*numbers: int) -> list[Trade]:
    """Make past trades, two of each second, whose times are cut to it."""
    return [a_trade(number=n, at_ns=n // 2 * SECOND, backfilled=True) for n in numbers]


def of_cut_times(*known: int) -> TradeLedger:
    """Make a ledger that heard trades of the same times as `cut`, half a second apart."""
    ledger = TradeLedger("kraken", consecutive=False, recalled_unit_ns=SECOND)
    pass_on(ledger, *[a_trade(number=n, at_ns=n * SECOND // 2) for n in known])
    return ledger


def test_a_page_that_begins_within_the_second_of_the_last_trade_does_not_reach_it() -> None:
    ledger = of_cut_times(18, 19)
    ledger.suspect(None, "the connection was away", 10 * SECOND)
    pass_on(ledger, a_trade(number=30, at_ns=15 * SECOND))

    ledger.answered(ledger.recalls()[0], cut(28, 29, 30), 16 * SECOND)

    (recall,) = ledger.recalls()
    (gap,) = ledger.gave_up(recall, "the venue tells no older trades", 17 * SECOND)
    assert (recall.after.trade_id, recall.before) == ("19", cut(28)[0])
    assert (gap.start_ns, gap.end_ns) == (9_500_000_000, 15 * SECOND - 1)


def test_the_last_trade_alone_is_no_stale_page_though_its_time_is_cut() -> None:
    ledger = of_cut_times(18, 19)
    ledger.suspect(None, "the connection was away", 10 * SECOND)

    gaps = ledger.answered(ledger.recalls()[0], cut(18, 19), 11 * SECOND)

    assert (gaps, ledger.recalls()) == ([], [])


def test_a_past_trade_whose_time_is_cut_is_fresh_once_over_a_restart() -> None:
    ledger = of_cut_times(18, 19)
    body = msgspec.json.encode(ledger.state(ledger.kept()))
    restarted = TradeLedger("kraken", consecutive=False, recalled_unit_ns=SECOND)
    restarted.restore(msgspec.json.decode(body, type=LedgerState))

    restarted.answered(restarted.recalls()[0], cut(18, 19, 20), 11 * SECOND)

    assert pass_on(restarted, *cut(18, 19, 20)) == cut(20)


def test_a_lost_trade_of_a_clock_that_is_ahead_lies_in_its_gap() -> None:
    ledger = unnumbered(1)
    (ahead,) = trades(5)

    gap = ledger.lost(ahead, "a price of 1e9 is too far from the last", 3 * SECOND)

    assert gap is not None
    assert (gap.start_ns, gap.end_ns) == (1 * SECOND, 5 * SECOND)


def test_a_lost_trade_of_the_far_future_was_lost_now() -> None:
    ledger = unnumbered(1)
    (far,) = trades(5_000)

    gap = ledger.lost(far, "it is 4997 s in the future", 3 * SECOND)

    assert gap is not None
    assert (gap.start_ns, gap.end_ns) == (1 * SECOND, 3 * SECOND)


def test_a_gap_without_end_ends_now_by_the_clock_of_the_venue() -> None:
    ledger = TradeLedger("kraken", consecutive=False, ahead_ns=lambda: 2 * SECOND)
    pass_on(ledger, *trades(1))
    ledger.suspect(None, "the connection was away", 2 * SECOND)

    (gap,) = ledger.gave_up(ledger.recalls()[0], "the venue tells no trades", 3 * SECOND)

    assert gap.end_ns == 5 * SECOND


def heard_at(second: int, *, number: int, at: int, backfilled: bool = False) -> Trade:
    trade = a_trade(number=number, at_ns=at * SECOND, backfilled=backfilled)
    return msgspec.structs.replace(trade, received_ns=second * SECOND)


def overlapping(*, consecutive: bool) -> TradeLedger:
    return TradeLedger("kraken", consecutive=consecutive, overlap_ns=5 * SECOND)


def often_late() -> TradeLedger:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(4), *trades(3))
    return ledger


def test_a_page_that_reaches_the_last_trade_is_enough_where_none_was_ever_late() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(10, 14, 16, 18))
    ledger.suspect(None, "the connection was away", 19 * SECOND)
    pass_on(ledger, *trades(20))

    gaps = ledger.answered(ledger.recalls()[0], page(16, 18, 19, 20), 21 * SECOND)

    assert (gaps, ledger.recalls()) == ([], [])


def test_a_trade_that_was_late_when_the_connection_broke_is_asked_for() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(10, 14, 16, 18))
    ledger.suspect(None, "the connection was away", 19 * SECOND)
    pass_on(ledger, *trades(20))
    (recall,) = ledger.recalls()

    gaps = ledger.answered(recall, page(10, 14, 16, 17, 18, 19, 20), 21 * SECOND)
    fresh = pass_on(ledger, *page(10, 14, 16, 17, 18, 19, 20))

    assert (recall.after.trade_id, recall.after.event_ns) == ("10", 10 * SECOND)
    assert (gaps, ledger.recalls()) == ([], [])
    assert fresh == page(17, 19)


def test_a_page_that_reaches_only_the_last_trade_leaves_those_that_may_be_late() -> None:
    ledger = often_late()
    pass_on(ledger, *trades(10, 14, 16, 18))
    ledger.suspect(None, "the connection was away", 19 * SECOND)
    pass_on(ledger, *trades(20))
    ledger.answered(ledger.recalls()[0], page(16, 18, 19, 20), 21 * SECOND)

    (gap,) = ledger.gave_up(ledger.recalls()[0], "the venue tells no older ones", 22 * SECOND)

    assert (gap.start_ns, gap.end_ns) == (13 * SECOND, 16 * SECOND)


def test_a_page_that_reaches_before_all_that_may_be_late_closes_the_hole() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(10, 18))
    ledger.suspect(None, "the connection was away", 19 * SECOND)
    pass_on(ledger, *trades(20))

    gaps = ledger.answered(ledger.recalls()[0], page(12, 17, 18, 19, 20), 21 * SECOND)

    assert (gaps, ledger.recalls()) == ([], [])


def test_a_gap_begins_no_earlier_than_a_trade_may_be_late_though_the_one_before_is_old() -> None:
    ledger = often_late()
    pass_on(ledger, *trades(10, 1_000))
    ledger.suspect(None, "the connection was away", 1_001 * SECOND)
    pass_on(ledger, *trades(1_003))
    (recall,) = ledger.recalls()

    (gap,) = ledger.gave_up(recall, "the venue tells no older trades", 1_004 * SECOND)

    assert recall.after.trade_id == "10"
    assert (gap.start_ns, gap.end_ns) == (995 * SECOND, 1_003 * SECOND)


def test_a_late_trade_does_not_show_that_the_stream_runs_again() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(10, 14, 16, 18))
    ledger.suspect(None, "the connection was away", 19 * SECOND)

    pass_on(ledger, heard_at(20, number=17, at=17))
    (before,) = ledger.recalls()
    pass_on(ledger, *trades(21))
    (after,) = ledger.recalls()

    assert (before.is_open, after.is_open) == (True, False)


def test_trades_of_a_clock_that_was_set_back_while_we_were_away_are_taken() -> None:
    ledger = overlapping(consecutive=False)
    ahead = heard_at(10, number=1, at=12)
    pass_on(ledger, ahead)
    ledger.suspect(None, "the connection was away", 10 * SECOND)
    pass_on(ledger, *trades(14))
    told = [msgspec.structs.replace(ahead, backfilled=True), *page(11, 14)]

    gaps = ledger.answered(ledger.recalls()[0], told, 15 * SECOND)

    assert (gaps, ledger.recalls()) == ([], [])
    assert pass_on(ledger, *told) == page(11)


def test_a_page_may_end_in_a_trade_of_a_clock_that_is_set_back_since() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(4), heard_at(10, number=10, at=12))
    ledger.suspect(None, "the connection was away", 11 * SECOND)
    (early,) = ledger.recalls()
    ahead = heard_at(13, number=10, at=12, backfilled=True)
    ledger.answered(msgspec.structs.replace(early, since_ns=0), [*page(4), ahead], 13 * SECOND)
    ledger.suspect(None, "the connection was away", 14 * SECOND)

    (recall,) = ledger.recalls()

    assert recall.after.trade_id == "10"
    assert recall.after.event_ns == 7 * SECOND


def test_pages_reach_back_over_an_earlier_hole_where_a_clock_may_be_set() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(1))
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    pass_on(ledger, heard_at(10, number=2, at=12))
    ledger.gave_up(ledger.recalls()[0], "the venue does not answer well", 11 * SECOND)
    ledger.suspect(None, "the connection was away", 12 * SECOND)

    (recall,) = ledger.recalls()

    assert recall.after.trade_id == "2"
    assert recall.after.event_ns == 7 * SECOND


def test_a_gap_of_a_clock_that_was_ahead_is_as_much_wider() -> None:
    ledger = overlapping(consecutive=True)
    pass_on(ledger, heard_at(10, number=1, at=12))
    pass_on(ledger, a_trade(number=3, at_ns=13 * SECOND))
    (recall,) = ledger.recalls()

    (gap,) = ledger.gave_up(recall, "the venue tells no older trades", 14 * SECOND)

    assert (gap.start_ns, gap.end_ns) == (9_950_000_000, 15_050_000_000)
    assert gap.missing == 1


def test_numbered_trades_are_asked_for_from_earlier_on_before_they_are_given_up() -> None:
    ledger = overlapping(consecutive=True)
    pass_on(ledger, *trades(12, 15))
    asked = []
    while recalls := ledger.recalls():
        asked += [recall.after.event_ns // SECOND for recall in recalls]
        ledger.answered(recalls[0], [], 16 * SECOND)

    assert asked == [12, 7, 12]
    assert ledger.gaps == 1


def test_the_first_trade_is_in_no_hole_though_it_waited_for_the_bus() -> None:
    ledger = numbered()
    first = ledger.fresh(trades(1))
    ledger.suspect(None, "the connection was away", 2 * SECOND)
    pass_on(ledger, *trades(2))
    ledger.passed_on(first)

    assert ledger.recalls() == []


def test_a_restart_overlaps_what_came_before_it() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(10, 14, 16, 18))
    body = msgspec.json.encode(ledger.state(ledger.kept()))
    restarted = overlapping(consecutive=False)
    restarted.restore(msgspec.json.decode(body, type=LedgerState))
    (recall,) = restarted.recalls()

    restarted.answered(recall, page(10, 14, 16, 17, 18, 19), 20 * SECOND)

    assert recall.after.trade_id == "10"
    assert pass_on(restarted, *page(10, 14, 16, 17, 18, 19)) == page(17, 19)


def test_a_restart_remembers_the_trade_that_pages_start_with() -> None:
    ledger = overlapping(consecutive=False)
    pass_on(ledger, *trades(1, 1_000))
    restarted = overlapping(consecutive=False)
    restarted.restore(ledger.state(ledger.kept()))

    fresh = pass_on(restarted, *page(1, 1_000, 1_001))

    assert restarted.recalls()[0].after.trade_id == "1"
    assert fresh == page(1_001)


@pytest.mark.parametrize("is_restarted", [True, False])
def test_a_hole_stays_open_though_our_clock_was_set_back(*, is_restarted: bool) -> None:
    ledger = TradeLedger("kraken", consecutive=False)
    pass_on(ledger, a_trade(number=1, at_ns=8_000 * SECOND))
    ledger.suspect(None, "the connection was away", 8_001 * SECOND)
    if is_restarted:
        state = ledger.state(ledger.kept())
        ledger = TradeLedger("kraken", consecutive=False)
        ledger.restore(state, 1_001 * SECOND)
    else:
        ledger.clock_was_set(-7_000 * SECOND)

    now = msgspec.structs.replace(
        a_trade(number=9, at_ns=8_009 * SECOND), received_ns=1_009 * SECOND
    )
    pass_on(ledger, now)

    (gap,) = ledger.gave_up(ledger.recalls()[0], "the venue tells no trades", 1_010 * SECOND)
    assert (gap.start_ns, gap.end_ns) == (8_000 * SECOND, 8_009 * SECOND)
