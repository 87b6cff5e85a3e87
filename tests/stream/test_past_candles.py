"""Candles of the past: each venue's own, of every interval that it has, in pages, once."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from market import VenueCandle
from market.intervals import INTERVALS
from stream_service.longer import of_interval
from stream_service.past_candles import DAYS, PastCandles, history_of
from stream_service.venue import Options
from tests.making import MINUTE, a_trade
from tests.stream.running import VENUES, running_venue
from tests.venues.cases import AT, a_market, an_instrument
from tests.venues.playing import ToldMarket

BEGIN = AT // INTERVALS["1d"] * INTERVALS["1d"]
NOW = BEGIN + INTERVALS["1d"] + 5 * MINUTE
HAS_NOT = {"coinbase": {"4h"}, "alpaca": {"4h", "1d"}}
A_DAY = dict.fromkeys(DAYS, 2 * INTERVALS["1d"])


def a_day(name: str) -> ToldMarket:
    """A trade every eleven minutes."""
    market = a_market(VENUES[name])
    for number in range(130):
        market.note(
            a_trade(
                name,
                str(an_instrument(VENUES[name])),
                number=number + 1,
                price=100.0 + number % 7,
                size=0.5,
                at_ns=BEGIN + number * 11 * MINUTE,
            )
        )
    return market


def asked(name: str, market: ToldMarket, *, a_page: int = 60) -> tuple[list[VenueCandle], int]:
    """Every candle that is told, and how many requests it took."""
    venue = replace(VENUES[name], candles_a_page=a_page)
    keys = dict.fromkeys(venue.credentials, "simulated")
    session = venue.session(market.listings, Options(keys=keys))
    pages = PastCandles(venue, session, an_instrument(venue), A_DAY, now_ns=NOW, known_ns={})
    told: list[VenueCandle] = []
    requests = 0
    while request := pages.following():
        requests += 1
        events = session.answered(request, venue.answer(request.path, market), NOW)
        told += [event for event in events if isinstance(event, VenueCandle)]
        pages.came(events)
    return told, requests


def values(candles: Sequence[VenueCandle]) -> dict[tuple[str, int], tuple[float, ...]]:
    return {
        (one.interval, one.start_ns): (one.open, one.high, one.low, one.close, one.volume)
        for one in candles
    }


@pytest.mark.parametrize("name", sorted(VENUES))
def test_candles_of_every_interval_are_those_of_the_venue(name: str) -> None:
    market = a_day(name)

    told, _ = asked(name, market)

    minutes = market.candles(an_instrument(VENUES[name]))
    intervals = [interval for interval in DAYS if interval not in HAS_NOT.get(name, ())]
    expected = [one for interval in intervals for one in of_interval(minutes, interval)]
    assert values(told) == values(expected)
    ended = [one for one in told if one.start_ns + INTERVALS[one.interval] < NOW - 120 * MINUTE]
    assert all(one.closed for one in ended)


def test_what_is_known_is_not_asked_for_again() -> None:
    venue, market = VENUES["binance"], a_day("binance")
    session = venue.session(market.listings)
    known = dict.fromkeys(DAYS, NOW - 10 * MINUTE)

    pages = PastCandles(
        venue, session, an_instrument(venue), history_of(1.0), now_ns=NOW, known_ns=known
    )

    assert pages.left == 2  # ten of a minute, one of five; no longer one ended since


def test_a_venue_that_tells_the_newest_alone_is_asked_for_no_more() -> None:
    venue, market = VENUES["binance"], a_day("binance")
    pages = PastCandles(
        venue,
        venue.session(market.listings),
        an_instrument(venue),
        {"1m": 20 * 999 * MINUTE},
        now_ns=NOW,
        known_ns={},
    )
    newest = market.candles(an_instrument(venue))[-3:]
    pages.following()
    pages.came(newest)
    before = pages.left

    pages.following()
    pages.came(newest)

    assert (before, pages.left, pages.following()) == (19, 0, None)


def test_no_days_ask_for_nothing() -> None:
    assert history_of(0.0) == {}


async def test_a_first_start_asks_for_the_past_and_the_next_one_does_not(tmp_path: Path) -> None:
    file, history = tmp_path / "binance.candles.json", history_of(1.0)
    asked: list[int] = []
    async with running_venue(VENUES["binance"]) as running:
        for _ in range(2):
            before = running.served.asked["binance"]
            with running.connected(state=tmp_path, history=history) as connection:
                await running.flows()
                await running.moved(lambda: file.exists() and not connection.remark)
            asked.append(running.served.asked["binance"] - before)
            running.heard.clear()

    assert set(json.loads(file.read_text())) == {str(one) for one in running.instruments}
    assert asked[0] - asked[1] >= len(DAYS) * len(running.instruments)
