from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from analytics.routes.identity import canonical
from analytics.routes.state import Cycle, Depth, Leg, Limits, Market, Mode, Transfer
from analytics.routes.verdict import Verdict, judge, rank, top_rate
from market import Instrument

BTC_USDT = Instrument("BTC", "USDT")
NOW_NS = 5_000

LIMITS = Limits(
    most_age_ns=1_000,
    most_skew_ns=100,
    most_return=Fraction("0.1"),
    least_return=Fraction(0),
    least_profit_usd=Fraction(0),
)


class State:
    """Bought for 100 at Binance, sold for 102 at Kraken, two coins of depth each."""

    def __init__(self) -> None:
        self.markets = {"binance": a_market("binance"), "kraken": a_market("kraken")}
        self.depths = {"binance": a_depth(99, 100), "kraken": a_depth(102, 103)}
        self.transfers: dict[str, Transfer[Fraction]] = {}
        self.worth: Fraction | None = Fraction(1)

    def market(self, venue: str, instrument: Instrument) -> Market[Fraction]:
        assert instrument == BTC_USDT
        return self.markets[venue]

    def depth(self, venue: str, instrument: Instrument) -> Depth[Fraction]:
        assert instrument == BTC_USDT
        return self.depths[venue]

    def transfer(self, asset: str, source: str, target: str) -> Transfer[Fraction] | None:
        del source, target
        return self.transfers.get(asset)

    def usd(self, asset: str) -> Fraction | None:
        assert asset == "USDT"
        return self.worth


def a_market(venue: str) -> Market[Fraction]:
    return Market(venue=venue, instrument=BTC_USDT, base="BTC", quote="USDT", taker_fee=Fraction(0))


def a_depth(bid: int, ask: int, *, at_ns: int = 4_900) -> Depth[Fraction]:
    return Depth(
        bids=((Fraction(bid), Fraction(2)),),
        asks=((Fraction(ask), Fraction(2)),),
        event_ns=at_ns,
        received_ns=at_ns,
    )


def a_cycle(mode: Mode = "inventory") -> Cycle:
    usdt, btc = ("binance", "USDT"), ("binance", "BTC")
    there, back = ("kraken", "BTC"), ("kraken", "USDT")
    return canonical(
        mode,
        [
            Leg("buy", usdt, btc, BTC_USDT),
            Leg("move", btc, there),
            Leg("sell", there, back, BTC_USDT),
            Leg("move", back, usdt),
        ],
    )


def judged(
    state: State, limits: Limits[Fraction] = LIMITS, mode: Mode = "inventory"
) -> Verdict[Fraction]:
    cycle = a_cycle(mode)
    return judge(cycle, top_rate(cycle, state), state=state, limits=limits, now_ns=NOW_NS)


def test_a_route_tells_size_profit_age_and_skew() -> None:
    state = State()
    state.depths["kraken"] = a_depth(102, 103, at_ns=4_950)
    state.worth = Fraction(2)

    verdict = judged(state)

    assert verdict.outcome == "route"
    assert verdict.top_rate == Fraction("1.02")
    assert (verdict.age_ns, verdict.skew_ns) == (100, 50)
    assert verdict.sizing is not None
    assert verdict.sizing.size == 200
    assert verdict.profit_usd == 8


def test_books_too_far_apart_are_told_before_an_implausible_return() -> None:
    state = State()
    state.depths["kraken"] = a_depth(900, 901, at_ns=4_799)

    verdict = judged(state)

    assert verdict.outcome == "skew"
    assert verdict.skew_ns == 101
    assert verdict.sizing is None


def test_a_return_at_the_limit_is_plausible_and_above_it_is_not() -> None:
    state = State()
    state.depths["kraken"] = a_depth(110, 111)
    at_limit = judged(state)

    state.depths["kraken"] = a_depth(111, 112)

    assert at_limit.outcome == "route"
    assert judged(state).outcome == "implausible"


def test_transfers_cost_what_they_do() -> None:
    state = State()
    state.transfers["BTC"] = a_transfer("BTC", "0.01")
    state.transfers["USDT"] = a_transfer("USDT", "1")

    verdict = judged(state, mode="transfer")

    assert verdict.sizing is not None
    assert verdict.sizing.amount_out == Fraction("1.99") * 102 - 1
    assert [fill.fee_asset for fill in verdict.sizing.fills] == ["BTC", "BTC", "USDT", "USDT"]


def test_a_transfer_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="move BTC from binance to kraken"):
        judged(State(), mode="transfer")


def test_a_profit_below_the_floor_is_small() -> None:
    at_floor = replace(LIMITS, least_profit_usd=Fraction(4), least_return=Fraction("0.02"))

    assert judged(State(), at_floor).outcome == "route"
    assert judged(State(), replace(LIMITS, least_profit_usd=Fraction("4.01"))).outcome == "small"
    assert judged(State(), replace(LIMITS, least_return=Fraction("0.021"))).outcome == "small"


def test_capital_is_counted_in_dollars() -> None:
    state = State()
    state.worth = Fraction(1, 2)

    verdict = judged(state, replace(LIMITS, most_capital_usd=Fraction(50)))

    assert verdict.sizing is not None
    assert (verdict.sizing.size, verdict.sizing.limited_by) == (Fraction(100), "capital")


def test_without_a_dollar_value_a_limit_in_dollars_cannot_be_kept_to() -> None:
    state = State()
    state.worth = None

    free = judged(state)

    assert free.outcome == "route"
    assert free.profit_usd is None
    assert judged(state, replace(LIMITS, most_capital_usd=Fraction(50))).outcome == "unpriced"
    assert judged(state, replace(LIMITS, least_profit_usd=Fraction(1))).outcome == "unpriced"


def test_more_dollars_come_first_then_fewer_legs_then_names_and_unpriced_ones_last() -> None:
    rich = judged(State())
    poor = replace(rich, profit_usd=Fraction(1))
    short = replace(poor, cycle=replace(poor.cycle, id="Z", legs=poor.cycle.legs[:3]))
    named = replace(poor, cycle=replace(poor.cycle, id="A"))
    unpriced = replace(rich, profit_usd=None)

    ranked = sorted([unpriced, poor, named, short, rich], key=rank)

    assert ranked == [rich, short, named, poor, unpriced]


def test_a_side_without_levels_has_no_rate() -> None:
    state = State()
    state.depths["kraken"] = replace(state.depths["kraken"], bids=())

    with pytest.raises(ValueError, match="sell kraken:BTC/USDT"):
        top_rate(a_cycle(), state)


def a_transfer(asset: str, fee: str) -> Transfer[Fraction]:
    return Transfer(asset=asset, source="", target="", fee=Fraction(fee), open=True)
