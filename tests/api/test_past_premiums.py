"""Premiums of the past are read, or made, of archive and store as one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from analytics.backtest import Bars, bars_of, folded
from api_service.past_premiums import PastPremiums, Premiums, PremiumTerms
from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.places import day_of
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import Stored
from market import Candle, Instrument, Premium
from tests.making import MINUTE, SECOND, a_candle, a_listed, a_premium, a_quote, a_summary

MIDNIGHT = 1_789_948_800 * SECOND
BEGIN = MIDNIGHT - 40 * MINUTE
"""When the first minute begins; forty are of one day, twenty of the next."""

NOW = MIDNIGHT + 10 * 24 * 60 * MINUTE
HOUR = 60
WON = Instrument("BTC", "KRW")
TERMS = PremiumTerms(
    reference_venue="binance",
    bank_venues=frozenset({"alpha_vantage"}),
    bank_age_ns=24 * 60 * MINUTE,
)
MARKETS = {
    ("upbit", "BTC-KRW"): 137_700.0,
    ("binance", "BTC-USDT"): 100.0,
    ("upbit", "USDT-KRW"): 1_350.0,
    ("kraken", "USDT-USD"): 0.99,
}
LISTED = [a_listed(venue, name) for venue, name in MARKETS]


def candles(first: int = 0, last: int = HOUR) -> list[Candle]:
    """Make minutes of all the markets, whose prices stand still."""
    return [
        a_candle(venue, name, start_ns=BEGIN + n * MINUTE, close=price)
        for n in range(first, last)
        for (venue, name), price in MARKETS.items()
    ]


def bars(interval: str = "1m") -> Bars:
    own = [one for one in candles() if one.instrument == WON]
    return folded(bars_of(own, "1m"), interval)


def told(number: int, premium: float) -> Premium:
    return a_premium(premium=premium, at_ns=BEGIN + number * MINUTE + SECOND)


@pytest.fixture
async def store() -> AsyncIterator[EmbeddedTimeSeries]:
    with closing(EmbeddedTimeSeries.open(None)) as opened:
        yield opened


async def found(past: PastPremiums, of: Bars) -> Premiums:
    return await past.at_closes(of, "upbit", WON, now_ns=NOW)


def of_bank(at_ns: int, rate: float) -> Stored:
    return a_quote("alpha_vantage", "USD-KRW", bid=rate, ask=rate, at_ns=at_ns)


def by_bank(rate: float) -> float:
    """What is paid for a coin in Korea beyond its price, by hand."""
    return (137_700.0 / (100.0 * 0.99 * rate) - 1.0) * 10_000.0


async def test_a_bank_s_rate_counts_from_when_it_was_told(store: EmbeddedTimeSeries) -> None:
    told_ns = BEGIN + 30 * MINUTE + SECOND
    await store.write([*candles(), *LISTED, of_bank(told_ns, 1_300.0)])

    premiums = await found(PastPremiums(store, None, TERMS), bars())

    assert np.isnan(premiums.bps[:1]).all()  # at the first close no minute was over
    assert premiums.bps[1:31].tolist() == pytest.approx([200.0] * 30)
    assert premiums.bps[31:].tolist() == pytest.approx([by_bank(1_300.0)] * 29)
    assert (premiums.known, premiums.told) == (59, 0)


async def test_what_a_bank_tells_without_bid_and_ask_is_a_rate_too(
    store: EmbeddedTimeSeries,
) -> None:
    summary = a_summary("alpha_vantage", "USD-KRW", last=1_200.0, at_ns=BEGIN - MINUTE)
    await store.write([*candles(), *LISTED, summary])

    premiums = await found(PastPremiums(store, None, TERMS), bars("5m"))

    assert premiums.bps.tolist() == pytest.approx([by_bank(1_200.0)] * 12)


async def test_what_was_told_live_counts_before_what_candles_make(
    store: EmbeddedTimeSeries,
) -> None:
    await store.write([*candles(), *LISTED, told(10, 0.05), told(11, 0.06)])

    premiums = await found(PastPremiums(store, None, TERMS), bars())

    assert premiums.bps[10:15].tolist() == pytest.approx([500.0, 600.0, 600.0, 600.0, 200.0])
    assert premiums.told == 4


async def test_archive_and_store_make_what_the_store_alone_makes(
    store: EmbeddedTimeSeries, tmp_path: Path
) -> None:
    files = LocalFiles(tmp_path)
    events: Sequence[Stored] = [
        *candles(0, 40),
        told(10, 0.05),
        of_bank(BEGIN + 25 * MINUTE, 1_300.0),
    ]
    with closing(EmbeddedTimeSeries.open(None)) as whole:
        await whole.write([*events, *candles(40), *LISTED])
        expected = await found(PastPremiums(whole, None, TERMS), bars())
        await archive_day(whole, files, day_of(BEGIN), now_ns=NOW)
    await store.write([*candles(40), *LISTED])

    both = await found(PastPremiums(store, files, TERMS), bars())
    alone = await found(PastPremiums(None, files, TERMS), bars().first(40))

    assert np.array_equal(both.bps, expected.bps, equal_nan=True)
    assert np.array_equal(alone.bps, expected.bps[:40], equal_nan=True)


async def test_a_coin_that_only_has_the_same_code_is_held_against_nothing(
    store: EmbeddedTimeSeries,
) -> None:
    terms = replace(TERMS, asset_id=lambda venue, code: f"{code}-of-{venue}")
    await store.write([*candles(), *LISTED])

    premiums = await found(PastPremiums(store, None, terms), bars())

    assert premiums.known == 0
