"""Which quotes may be used."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analytics.latest import LatestQuotes, Trouble
from market import Instrument, Quote, VenueStatus
from market.events import VenueState
from market.spread import is_in_shard
from tests.making import SECOND, a_quote, a_status

NOW = 1_000 * SECOND
MAX_AGE = 10 * SECOND


def latest(*events: Quote | VenueStatus) -> LatestQuotes:
    quotes = LatestQuotes(max_age_ns=MAX_AGE)
    for event in events:
        if isinstance(event, Quote):
            quotes.take_quote(event)
        else:
            quotes.take_status(event)
    return quotes


LIVE = a_status(at_ns=NOW - SECOND)


def test_quote_of_a_live_venue_is_usable() -> None:
    quote = a_quote(at_ns=NOW)

    quotes = latest(LIVE, quote)

    assert quotes.of_base("BTC", NOW) == [quote]


def test_quote_of_a_venue_that_never_said_it_is_live_is_not_usable() -> None:
    quotes = latest(a_quote(at_ns=NOW))

    assert quotes.of_base("BTC", NOW) == []


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(100.0, 100.0), (101.0, 100.0), (0.0, 100.0), (-1.0, 100.0), (nan, 1.0), (1.0, nan), (1, inf)],
)
def test_quote_that_is_locked_crossed_or_no_price_is_not_usable(bid: float, ask: float) -> None:
    quotes = latest(LIVE, a_quote(bid=bid, ask=ask, at_ns=NOW))

    assert quotes.of_base("BTC", NOW) == []


@pytest.mark.parametrize("size", [-1.0, nan])
def test_quote_of_no_true_size_is_not_usable(size: float) -> None:
    bid, ask = a_quote(bid_size=size, at_ns=NOW), a_quote("binance", ask_size=size, at_ns=NOW)

    quotes = latest(LIVE, a_status("binance", at_ns=NOW), bid, ask)

    assert quotes.of_base("BTC", NOW) == []


def test_quote_with_an_empty_level_is_usable() -> None:
    quote = a_quote(bid_size=0.0, at_ns=NOW)

    assert latest(LIVE, quote).of_base("BTC", NOW) == [quote]


def test_quote_is_usable_up_to_its_age_limit_and_no_longer() -> None:
    quote = a_quote(at_ns=NOW)
    quotes = latest(a_status(at_ns=NOW + MAX_AGE), quote)

    assert quotes.of_base("BTC", NOW + MAX_AGE) == [quote]
    assert quotes.of_base("BTC", NOW + MAX_AGE + 1) == []


def test_newer_quote_replaces_an_older_one_but_not_the_other_way_round() -> None:
    older, newer = a_quote(bid=98.0, at_ns=NOW - 1), a_quote(bid=99.0, at_ns=NOW)

    assert latest(LIVE, older, newer).of_base("BTC", NOW) == [newer]
    assert latest(LIVE, newer, older).of_base("BTC", NOW) == [newer]


def test_quotes_received_together_replace_one_another_by_sequence() -> None:
    first, second = a_quote(at_ns=NOW, sequence=1), a_quote(at_ns=NOW, sequence=2)

    assert latest(LIVE, second, first).of_base("BTC", NOW) == [second]


@pytest.mark.parametrize("state", ["connecting", "stale", "resyncing", "refused", "down"])
def test_any_state_but_live_ends_the_life_of_a_venues_quotes(state: VenueState) -> None:
    old, new = a_quote(at_ns=NOW), a_quote(at_ns=NOW + 2)
    lost, back = a_status(state=state, at_ns=NOW + 1), a_status(at_ns=NOW + 3)

    assert latest(LIVE, old, lost).of_base("BTC", NOW + 3) == []
    assert latest(LIVE, old, lost, back).of_base("BTC", NOW + 3) == []
    assert latest(LIVE, old, lost, new).of_base("BTC", NOW + 3) == []
    assert latest(LIVE, old, lost, new, back).of_base("BTC", NOW + 3) == [new]


def test_venue_that_is_silent_for_more_than_five_seconds_counts_as_down() -> None:
    quotes = latest(a_status(at_ns=NOW), a_quote(at_ns=NOW))

    assert quotes.silent(NOW + 5 * SECOND) == frozenset()
    assert quotes.of_base("BTC", NOW + 5 * SECOND) != []
    assert quotes.silent(NOW + 5 * SECOND + 1) == {("kraken", "")}
    assert quotes.of_base("BTC", NOW + 5 * SECOND + 1) == []


@pytest.mark.parametrize("state", ["stale", "resyncing", "refused"])
def test_trouble_of_an_instrument_ends_its_quote_and_no_other(state: VenueState) -> None:
    sick, well = a_quote(at_ns=NOW), a_quote(instrument="BTC-EUR", at_ns=NOW)
    new = a_quote(at_ns=NOW + 3)
    trouble = a_status(state=state, instrument="BTC-USDT", at_ns=NOW + 1)
    over = a_status(instrument="BTC-USDT", at_ns=NOW + 2)

    assert latest(LIVE, sick, well, trouble).of_base("BTC", NOW + 3) == [well]
    assert latest(LIVE, sick, well, trouble, over).of_base("BTC", NOW + 3) == [well]
    assert latest(LIVE, well, sick, trouble, over, new).of_base("BTC", NOW + 3) == [well, new]


def test_trouble_of_an_instrument_ends_with_its_connection() -> None:
    trouble = a_status(state="resyncing", instrument="BTC-USDT", at_ns=NOW + 1)
    lost, back = a_status(state="connecting", at_ns=NOW + 2), a_status(at_ns=NOW + 4)
    new = a_quote(at_ns=NOW + 3)

    quotes = latest(LIVE, a_quote(at_ns=NOW), trouble, lost, new, back)

    assert quotes.of_base("BTC", NOW + 4) == [new]


def test_status_tells_whether_it_changes_anything() -> None:
    quotes = latest()

    assert quotes.take_status(a_status(at_ns=1))
    assert not quotes.take_status(a_status(at_ns=2))
    assert quotes.take_status(a_status(state="down", at_ns=3))
    assert not quotes.take_status(a_status(state="down", at_ns=4))
    assert not quotes.take_status(a_status(instrument="BTC-USDT", at_ns=5))
    assert quotes.take_status(a_status(state="stale", instrument="BTC-USDT", at_ns=6))


def test_loss_that_is_told_late_still_ends_the_quotes_before_it() -> None:
    quotes = latest(a_status(at_ns=NOW + 2), a_quote(at_ns=NOW))

    assert quotes.take_status(a_status(state="down", at_ns=NOW + 1))
    assert quotes.of_base("BTC", NOW + 2) == []


@pytest.mark.parametrize("max_age_ns", [0, -1])
def test_age_limit_that_lets_nothing_through_is_refused(max_age_ns: int) -> None:
    with pytest.raises(ValueError, match=f"above 0 ns, not {max_age_ns}"):
        LatestQuotes(max_age_ns=max_age_ns)


events = st.one_of(
    st.builds(a_quote, st.sampled_from(["binance", "kraken"]), at_ns=st.integers(1, 30)),
    st.builds(
        a_status,
        st.sampled_from(["binance", "kraken"]),
        st.sampled_from(["live", "down", "stale"]),
        instrument=st.sampled_from([None, None, "BTC-USDT"]),
        at_ns=st.integers(1, 30),
    ),
)


def _kind_and_time(event: Quote | VenueStatus) -> tuple[object, ...]:
    about = event.instrument if isinstance(event, VenueStatus) else "quote"
    return event.venue, about, event.received_ns


@given(st.data())
def test_order_of_arrival_does_not_matter(data: st.DataObject) -> None:
    told = data.draw(st.lists(events, max_size=12, unique_by=_kind_and_time))
    shuffled = data.draw(st.permutations(told))

    usable = [latest(*order).of_base("BTC", 30) for order in (told, shuffled)]

    assert set(usable[0]) == set(usable[1])


HOUR = 3_600 * SECOND


def test_a_quote_of_the_future_is_not_usable_and_gives_way() -> None:
    ahead, now = a_quote(bid=90.0, at_ns=NOW + HOUR), a_quote(at_ns=NOW)

    assert latest(LIVE, ahead).of_base("BTC", NOW) == []
    assert latest(LIVE, ahead, now).of_base("BTC", NOW) == [now]


def test_a_venue_whose_clock_was_set_back_can_still_die_and_live() -> None:
    ahead, quote = a_status(at_ns=NOW + HOUR), a_quote(at_ns=NOW + 2)
    lost, back = a_status(state="down", at_ns=NOW), a_status(at_ns=NOW + 1)

    assert latest(ahead, quote).of_base("BTC", NOW + 2) == []
    assert latest(ahead, lost, quote).of_base("BTC", NOW + 2) == []
    assert latest(ahead, lost, back, quote).of_base("BTC", NOW + 2) == [quote]


def test_trouble_of_an_instrument_that_ended_in_the_future_ends_no_quote_of_now() -> None:
    trouble = a_status(state="stale", instrument="BTC-USDT", at_ns=NOW + HOUR)
    over = a_status(instrument="BTC-USDT", at_ns=NOW + HOUR + 1)
    quote = a_quote(at_ns=NOW)

    assert latest(LIVE, trouble, over, quote).of_base("BTC", NOW) == [quote]


def test_rate_of_a_bank_may_be_older_and_holds_while_its_service_is_away() -> None:
    latest = LatestQuotes(max_age_ns=MAX_AGE, bank_venues=("bank",), bank_age_ns=10 * MAX_AGE)
    rate = a_quote("bank", "USD-KRW", bid=1_350.0, ask=1_350.0, at_ns=NOW)
    latest.take_quote(rate)
    latest.take_status(a_status("bank", "down", at_ns=NOW + 1))

    assert latest.of_base("USD", NOW + 10 * MAX_AGE) == [rate]
    assert latest.of_base("USD", NOW + 10 * MAX_AGE + 1) == []


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (a_status(state="down", at_ns=NOW + 1), Trouble("down", NOW + 1)),
        (
            a_status(state="stale", instrument="BTC-USDT", at_ns=NOW + 1),
            Trouble("stale", NOW + 1),
        ),
        (a_status("binance", "down", at_ns=NOW + 1), None),
    ],
)
def test_trouble_is_told_with_its_reason_and_time(
    status: VenueStatus, trouble: Trouble | None
) -> None:
    quotes = latest(LIVE, status)

    assert quotes.trouble("kraken", a_quote().instrument, NOW, NOW + 2) == trouble


def test_silence_and_age_are_told_with_the_time_that_they_began() -> None:
    quotes = latest(LIVE)
    instrument = a_quote().instrument

    silent = quotes.trouble("kraken", instrument, NOW, NOW + 5 * SECOND)
    stale = quotes.trouble("kraken", instrument, NOW, NOW + MAX_AGE + 1)

    assert silent == Trouble("silent", NOW + 4 * SECOND)
    assert stale == Trouble("stale", NOW + MAX_AGE)
    assert quotes.trouble("upbit", instrument, NOW, NOW) == Trouble("unheard", NOW)


def test_part_of_a_venue_that_ends_leaves_the_quotes_of_the_others() -> None:
    coins = [Instrument(f"C{number}", "USDT") for number in range(8)]
    quotes = [a_quote("kraken", str(coin), at_ns=NOW) for coin in coins]
    live = [replace(LIVE, shard=shard) for shard in ("1/2", "2/2")]
    lost = replace(a_status(state="down", at_ns=NOW + 1), shard="2/2")

    known = latest(*live, *quotes, lost)

    usable = [coin for coin in coins if known.of_base(coin.base, NOW + 2)]
    assert usable == [coin for coin in coins if is_in_shard(coin, "1/2")]
    assert 0 < len(usable) < len(coins)


def test_quote_of_a_part_that_nobody_speaks_for_is_not_usable() -> None:
    known = latest(
        replace(LIVE, shard="1/2"), *(a_quote("kraken", f"C{n}-USDT", at_ns=NOW) for n in range(8))
    )

    assert not any(
        known.of_base(f"C{number}", NOW)
        for number in range(8)
        if not is_in_shard(Instrument(f"C{number}", "USDT"), "1/2")
    )
