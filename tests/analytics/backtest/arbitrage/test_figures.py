"""Figures of a replay, each worked by hand."""

import pytest
from msgspec.structs import replace

from analytics.backtest.arbitrage.definitions import DEFINITIONS
from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.figures import Kept, OfLatency, of_desk
from market import Event
from tests.analytics.backtest.arbitrage.test_replay import CHEAP, DEAR, MS, NOW, alive, played
from tests.making import SECOND, a_quote, a_status

WORTH = {"USDT": 1.0, "BTC": 100.0}
DAY = 86_400 * SECOND


def a_day_apart() -> list[Event]:
    """Return two chances: 2 BTC bring 4; a day later 1 brings 3, and is gone after 20 ms."""
    later = NOW + DAY
    before = later - SECOND // 2
    cheap = replace(CHEAP, event_ns=before, received_ns=before, sequence=before)
    dear = a_quote("kraken", bid=103.0, ask=104.0, bid_size=1.0, at_ns=later + MS)
    gone = a_quote("kraken", bid=90.0, ask=104.0, at_ns=later + 21 * MS)
    over = a_status("kraken", at_ns=later + SECOND)
    return [*alive(NOW, before, later), CHEAP, DEAR, cheap, dear, gone, over]


def of(desk: Desk) -> OfLatency:
    return of_desk(desk, WORTH.get)


def test_what_is_kept_of_the_edge_falls_with_the_latency() -> None:
    """At once 4 + 3; after 50 ms 4 and a BTC that cost 100 and is worth 99.5."""
    at_once, late = map(of, played(a_day_apart(), 0.0, 50.0))

    assert (at_once.latency_ms, late.latency_ms) == ("0", "50")
    assert at_once.total.seen_usd == late.total.seen_usd == pytest.approx(7.0)
    assert at_once.total.kept_usd == pytest.approx(7.0)
    assert at_once.total.kept_share == pytest.approx(1.0)
    assert late.total.kept_usd == pytest.approx(4.0 - 0.5)
    assert late.total.kept_share == pytest.approx(0.5)


def test_routes_are_counted_by_what_became_of_them() -> None:
    (late,) = map(of, played(a_day_apart(), 50.0))

    assert (late.total.taken, late.total.filled, late.total.partial) == (2, 1, 1)
    assert late.total.missing == {"price": 1}
    assert late.total.fill_share == pytest.approx((200 + 199 + 100) / (200 + 199 + 100 + 99.5))


def test_profit_is_told_by_route_and_by_day() -> None:
    (late,) = map(of, played(a_day_apart(), 50.0))

    assert list(late.routes) == ["I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"]
    assert [(day, kept.taken) for day, kept in late.days.items()] == [
        ("1970-01-01", 1),
        ("1970-01-02", 1),
    ]
    assert [kept.kept_usd for kept in late.days.values()] == pytest.approx([4.0, -0.5])


def test_drift_is_what_would_have_to_be_moved_back() -> None:
    """Binance: 300 USDT less, 3 BTC more; Kraken: 204 USDT more, 2 BTC less. BTC at 100."""
    (late,) = map(of, played(a_day_apart(), 50.0))
    change = {(one.venue, one.asset): one.change for one in late.balances}

    assert change["binance", "USDT"] == pytest.approx(-300.0)
    assert change["binance", "BTC"] == pytest.approx(3.0)
    assert change["kraken", "BTC"] == pytest.approx(-2.0)
    assert change["kraken", "USDT"] == pytest.approx(204.0)
    assert late.drift_usd == pytest.approx(300.0 + 204.0)
    assert late.gain_usd == pytest.approx(4.0 + 0.0)


def test_every_figure_has_a_definition() -> None:
    sums = set(Kept.__struct_fields__) | set(OfLatency.__struct_fields__)

    assert sums - {"latency_ms", "total", "routes", "days", "balances"} == set(DEFINITIONS)
