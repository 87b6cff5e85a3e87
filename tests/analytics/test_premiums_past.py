"""Premiums of candles are those that quotes with the same prices would have made live."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analytics.across import RATE_AGE_NS, WIDTH
from analytics.latest import LatestQuotes
from analytics.premiums_known import PremiumsKnown
from analytics.premiums_past import Minutes, known_before, told_of_minutes
from analytics.rates import Rates
from analytics.rates_past import PastRates, Source, pairs_between
from analytics.routes.comparison import Offer
from analytics.routes.premiums import Premiums
from analytics.routes.state import Depth, Market
from market import Instrument, Quote
from tests.making import MINUTE, SECOND, a_quote, a_status

NOON = 1_790_035_200 * SECOND
MINUTES = 240
BANK_AGE_NS = 90 * MINUTE
CLOSES = NOON + MINUTE * np.arange(1, MINUTES + 5)


def minutes(venue: str, instrument: str, price: float, *, seed: int, share: float) -> Minutes:
    """Make the minutes of a market that trades in a share of them."""
    random = np.random.default_rng(seed)
    places = np.flatnonzero(random.random(MINUTES) < share)
    return Minutes(
        venue=venue,
        instrument=Instrument.parse(instrument),
        end_ns=NOON + MINUTE * (places + 1),
        close=price * random.uniform(0.99, 1.01, len(places)),
        volume=random.uniform(1, 100, len(places)),
    )


KOREAN = minutes("upbit", "BTC-KRW", 137_700.0, seed=1, share=0.7)
DOLLAR = minutes("binance", "BTC-USDT", 100.0, seed=2, share=0.7)
OTHER = minutes("binance", "BTC-USDC", 100.5, seed=3, share=0.7)
CURRENCIES = [
    minutes("upbit", "USDT-KRW", 1_380.0, seed=4, share=0.02),
    minutes("bithumb", "USDT-KRW", 1_381.0, seed=5, share=0.02),
    minutes("kraken", "USDC-USDT", 1.001, seed=6, share=0.02),
    minutes("kraken", "USDT-USD", 0.999, seed=7, share=0.02),
    minutes("bithumb", "USDC-KRW", 1_383.0, seed=8, share=0.004),
]
BANKS = [
    a_quote("alpha_vantage", "USD-KRW", bid=1_300.0 + n, ask=1_300.0 + n, at_ns=NOON + n * SECOND)
    for n in (1_000, 8_000)
]


def told_live(market: Minutes, references: Sequence[Minutes]) -> list[float]:
    """Have the live parts told of each minute's closes as quotes; what they know at each close."""
    known = PremiumsKnown(10_000)
    for now_ns in (NOON + MINUTE * np.arange(1, MINUTES + 1)).tolist():
        rates = Rates(latest_at(now_ns))
        premiums = Premiums(rates, reference_venue="binance")
        offers = [offer for one in (market, *references) for offer in offered(one, now_ns)]
        for premium in premiums.of(offers, now_ns):
            if (premium.venue, premium.instrument) == (market.venue, market.instrument):
                known.take(replace(premium, event_ns=now_ns))
    return [known.before(close) for close in CLOSES.tolist()]


def offered(one: Minutes, now_ns: int) -> list[Offer]:
    close, _ = one.last(np.array([now_ns]), 1)
    if np.isnan(close[0]):
        return []
    side = ((float(close[0]), 1.0),)
    of = Market(
        venue=one.venue,
        instrument=one.instrument,
        base=one.instrument.base,
        quote=one.instrument.quote_currency,
        taker_fee=0.0,
    )
    return [Offer(of, Depth(bids=side, asks=side, event_ns=now_ns, received_ns=now_ns))]


def latest_at(now_ns: int) -> LatestQuotes:
    """Return what is known of currencies: last minutes, the larger the narrower, and banks."""
    latest = LatestQuotes(
        max_age_ns=RATE_AGE_NS,
        max_silence_ns=2 * RATE_AGE_NS,
        bank_venues={"alpha_vantage"},
        bank_age_ns=BANK_AGE_NS,
    )
    last = {
        (one.venue, one.instrument): one.last(np.array([now_ns]), RATE_AGE_NS) for one in CURRENCIES
    }
    there = {key: (c[0], v[0]) for key, (c, v) in last.items() if not np.isnan(c[0])}
    for rank, (key, (close, _)) in enumerate(sorted(there.items(), key=lambda x: -x[1][1]), 1):
        latest.take_status(a_status(key[0], at_ns=now_ns - 1))
        latest.take_quote(wide(str(key[1]), key[0], close, WIDTH * rank, now_ns))
    for quote in BANKS:
        if quote.received_ns <= now_ns:
            latest.take_quote(quote)
    return latest


def wide(instrument: str, venue: str, value: float, width: float, at_ns: int) -> Quote:
    return a_quote(venue, instrument, bid=value * (1 - width), ask=value * (1 + width), at_ns=at_ns)


def told(market: Minutes, references: Sequence[Minutes], before: int = len(CLOSES)) -> list[float]:
    until_ns = CLOSES[before - 1]
    found = told_of_minutes(
        until(market, until_ns),
        [until(one, until_ns) for one in references],
        [until(one, until_ns) for one in CURRENCIES],
        [one for one in BANKS if one.received_ns <= until_ns],
        bank_age_ns=BANK_AGE_NS,
        before_ns=CLOSES[:before],
    )
    known: list[float] = known_before(found, CLOSES[:before]).tolist()
    return known


def until(one: Minutes, end_ns: int) -> Minutes:
    """Return the minutes that had ended by then."""
    size = int(np.searchsorted(one.end_ns, end_ns, side="right"))
    columns = {name: getattr(one, name)[:size] for name in ("end_ns", "close", "volume")}
    return replace(one, **columns)


@pytest.mark.parametrize(
    ("market", "references"),
    [
        (KOREAN, [DOLLAR, OTHER]),
        (minutes("kraken", "BTC-USDT", 99.0, seed=9, share=0.5), [DOLLAR, OTHER]),
        (OTHER, [DOLLAR]),
    ],
    ids=["converted", "same currency", "same venue"],
)
def test_history_tells_what_was_told_live(market: Minutes, references: list[Minutes]) -> None:
    live = told_live(market, references)

    assert told(market, references) == pytest.approx(live, rel=1e-9, abs=1e-6, nan_ok=True)
    assert 0.5 < np.mean(~np.isnan(live)) < 1.0


def test_what_is_the_reference_itself_has_no_premium() -> None:
    assert np.isnan(told(DOLLAR, [DOLLAR])).all()


@given(st.integers(1, len(CLOSES)))
def test_no_premium_looks_at_anything_later(before: int) -> None:
    """Nothing of it changes when all that comes later is taken away."""
    whole = told(KOREAN, [DOLLAR, OTHER])

    assert np.array_equal(told(KOREAN, [DOLLAR, OTHER], before), whole[:before], equal_nan=True)


def test_a_premium_can_be_worked_by_hand() -> None:
    def one(venue: str, instrument: str, close: float) -> Minutes:
        columns = {"close": np.array([close]), "volume": np.ones(1)}
        of = Instrument.parse(instrument)
        return Minutes(venue=venue, instrument=of, end_ns=np.array([NOON]), **columns)

    found = told_of_minutes(
        one("upbit", "BTC-KRW", 137_700.0),
        [one("binance", "BTC-USDT", 100.0)],
        [one("upbit", "USDT-KRW", 1_350.0), one("kraken", "USDT-USD", 0.99)],
        [a_quote("alpha_vantage", "USD-KRW", bid=1_300.0, ask=1_300.0, at_ns=NOON - SECOND)],
        bank_age_ns=MINUTE,
        before_ns=np.array([NOON + MINUTE]),
    )

    assert found["stable"].bps.tolist() == [pytest.approx(200.0)]
    assert found["bank"].bps.tolist() == [
        pytest.approx((137_700.0 / (100.0 * 0.99 * 1_300.0) - 1.0) * 10_000.0)
    ]


CODES = st.sampled_from(["USD", "USDT", "USDC", "KRW", "EUR"])


@st.composite
def sources(draw: st.DrawFn) -> list[Source]:
    """Draw sources of one moment, no two of one width."""
    keys = st.tuples(st.sampled_from(["a", "b", "bank"]), CODES, CODES)
    chosen = draw(st.lists(keys.filter(lambda k: k[1] != k[2]), unique=True, max_size=12))
    widths = draw(st.permutations([1e-3 * 2.0**-n for n in range(len(chosen))]))
    return [
        Source(
            venue=venue,
            instrument=Instrument(base, quote_currency),
            value=np.array([draw(st.floats(0.5, 2.0))]),
            width=np.array([width]),
            is_bank=venue == "bank",
        )
        for (venue, base, quote_currency), width in zip(chosen, widths, strict=True)
    ]


@given(sources(), CODES, CODES, st.sampled_from(["BTC", "USDT", "USD"]))
def test_rates_are_those_that_live_quotes_tell(
    told: list[Source], sold: str, bought: str, avoiding: str
) -> None:
    latest = LatestQuotes(max_age_ns=10, max_silence_ns=10, bank_venues={"bank"}, bank_age_ns=10)
    for venue in ("a", "b"):
        latest.take_status(a_status(venue, at_ns=1))
    for one in told:
        latest.take_quote(wide(str(one.instrument), one.venue, one.value[0], one.width[0], at_ns=2))

    for by in ("market", "bank"):
        live = Rates(latest).between(sold, bought, 3, avoiding=avoiding, by=by)
        meant = [one for one in told if one.instrument in set(pairs_between(sold, bought))]
        past = PastRates(meant, 1).between(sold, bought, avoiding=avoiding, by=by)
        assert past[0] == pytest.approx(np.nan if live is None else live.value, nan_ok=True)
