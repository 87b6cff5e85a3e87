"""Small random markets: a few venues and assets whose prices are a little apart, and their news."""

import random
from typing import TypeAlias

import msgspec
from hypothesis import strategies as st

from analytics.routes.engine import RouteEngine
from analytics.routes.kernels import KernelName
from analytics.routes.state import Depth, Market, Mode, Transfer
from market import Instrument
from tests.analytics.routes.enumerated import State

VENUES = ("binance", "kraken", "upbit", "bithumb")
WORTH = {"USDT": 1.0, "USD": 1.0, "KRW": 0.0007, "BTC": 60_000.0, "ETH": 3_000.0, "XRP": 0.5}
"""What one unit is worth in dollars, about."""

CODES = {"XBTC": "BTC", "RIPPLE": "XRP"}
"""Tickers that some venues use; the id of the asset is another's ticker."""


class Told(msgspec.Struct, frozen=True):
    """A market's book, or that it cannot be used."""

    market: Market[float]
    depth: Depth[float] | None


News: TypeAlias = Told | Transfer[float]


def tell(engine: RouteEngine, state: State, news: News) -> None:
    """Tell an engine, and write down what it was told."""
    if isinstance(news, Transfer):
        engine.set_transfer(news)
        state.transfers[news.asset, news.source, news.target] = news
        return
    key = news.market.venue, news.market.instrument
    if state.markets.get(key) != news.market:
        engine.list_market(news.market)
        state.markets[key] = news.market
        state.depths.pop(key, None)
    engine.set_depth(*key, news.depth)
    state.depths.pop(key, None)
    if news.depth is not None:
        state.depths[key] = news.depth


def an_engine_told(state: State, mode: Mode, most_legs: int, kernel: KernelName) -> RouteEngine:
    """Return a new engine that is told a state at once."""
    engine = RouteEngine(mode, most_legs=most_legs, most_routes=None, kernel=kernel)
    for transfer in state.transfers.values():
        engine.set_transfer(transfer)
    for market in state.markets.values():
        engine.list_market(market)
    for key, depth in state.depths.items():
        engine.set_depth(*key, depth)
    return engine


def a_history(*, venues: int, coins: int, seed: int) -> list[News]:
    """Return news of a larger market: listed as it comes, then told again in another order."""
    chance = random.Random(seed)  # noqa: S311  # prices, not secrets
    told: list[News] = []
    for venue in range(venues):
        quote = ("USDT", "USD", "KRW")[venue % 3]
        bases = [f"C{coin}" for coin in range(coins)] + ["USDT"] * (quote != "USDT")
        for base in bases:
            market = Market(
                venue=f"venue{venue}",
                instrument=Instrument(base, quote),
                base=base,
                quote=quote,
                taker_fee=0.001,
            )
            price = (1.0 + chance.gauss(0.0, 0.0015)) / WORTH[quote]
            told.append(Told(market, a_depth(price * 0.9998, price * 1.0002)))
    for other in range(1, venues):
        for asset in ("USDT", *(f"C{coin}" for coin in range(coins))):
            places = ["venue0", f"venue{other}"]
            for source, target in (places, places[::-1]):
                told.append(Transfer(asset=asset, source=source, target=target, fee=0.0, open=True))
    return told + chance.sample(told, len(told))


def a_depth(bid: float | None, ask: float | None) -> Depth[float]:
    """Return a book of one level a side at most."""
    return Depth(
        bids=() if bid is None else ((bid, 1.0),),
        asks=() if ask is None else ((ask, 1.0),),
        event_ns=1,
        received_ns=1,
    )


@st.composite
def markets(draw: st.DrawFn) -> Market[float]:
    """One market: any two assets, either way round; the ticker may be one that is used there."""
    venue = draw(st.sampled_from(VENUES[:3]))
    base, quote = draw(st.permutations(list(WORTH)))[:2]
    names = {asset: [asset, *(t for t, of in CODES.items() if of == asset)] for asset in WORTH}
    tickers = [draw(st.sampled_from(names[asset])) for asset in (base, quote)]
    fee = draw(st.sampled_from([0.0, 0.0005, 0.001, 0.0025]))
    return Market(
        venue=venue, instrument=Instrument(*tickers), base=base, quote=quote, taker_fee=fee
    )


@st.composite
def histories(draw: st.DrawFn) -> list[News]:
    """Return news of up to ten markets and some transfers, in an order that might be so."""
    listed = draw(
        st.lists(markets(), min_size=2, max_size=10, unique_by=lambda m: (m.venue, m.instrument))
    )
    told = st.one_of(st.sampled_from(listed).flatmap(_told), _transfers())
    return [*map(draw, map(_told, listed)), *draw(st.lists(told, max_size=25))]


def _told(market: Market[float]) -> st.SearchStrategy[Told]:
    fair = WORTH[market.base] / WORTH[market.quote]
    sides = st.tuples(st.floats(-0.004, 0.004), st.floats(0.00001, 0.002), st.integers(0, 9))

    def told(drawn: tuple[float, float, int]) -> Told:
        off, half, which = drawn
        bid, ask = fair * (1.0 + off - half), fair * (1.0 + off + half)
        kept = a_depth(None if which == 1 else bid, None if which == 2 else ask)
        return Told(market, None if which == 0 else kept)

    return sides.map(told)


def _transfers() -> st.SearchStrategy[Transfer[float]]:
    places = st.permutations(VENUES[:3])
    return st.builds(
        lambda asset, places, is_open: Transfer(
            asset=asset, source=places[0], target=places[1], fee=0.0, open=is_open
        ),
        st.sampled_from(sorted(WORTH)),
        places,
        st.sampled_from([True, True, False, None]),
    )
