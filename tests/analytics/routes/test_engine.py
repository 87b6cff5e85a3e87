import importlib.util

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.routes.engine import RouteEngine
from analytics.routes.kernels import KernelName
from analytics.routes.state import Market, Mode, Transfer
from market import Instrument
from tests.analytics.routes.enumerated import State, enumerated
from tests.analytics.routes.small_markets import (
    CODES,
    News,
    a_depth,
    a_history,
    an_engine_told,
    histories,
    tell,
)

IN_BOTH = pytest.mark.parametrize(
    "kernel",
    [
        "python",
        pytest.param(
            "numba",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("numba") is None, reason="numba is not installed"
            ),
        ),
    ],
)
MODES: st.SearchStrategy[Mode] = st.sampled_from(["inventory", "transfer"])
LEGS = st.integers(3, 7)
ROUND = "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"
BTC = Instrument("BTC", "USDT")


def a_market(venue: str, name: str, *, fee: float = 0.0) -> Market[float]:
    instrument = Instrument.parse(name)
    return Market(
        venue=venue,
        instrument=instrument,
        base=CODES.get(instrument.base, instrument.base),
        quote=instrument.quote_currency,
        taker_fee=fee,
    )


def an_open_transfer(asset: str, source: str, target: str) -> Transfer[float]:
    return Transfer(asset=asset, source=source, target=target, fee=0.0, open=True)


def two_venues(mode: Mode = "inventory", *, fee: float = 0.0) -> RouteEngine:
    """Bought for 100 at Binance, sold for 102 at Kraken."""
    engine = RouteEngine(mode, kernel="python")
    for venue, bid, ask in (("binance", 99.0, 100.0), ("kraken", 102.0, 103.0)):
        engine.list_market(a_market(venue, "BTC-USDT", fee=fee))
        engine.set_depth(venue, BTC, a_depth(bid, ask))
    return engine


def many_venues(kernel: KernelName, *, most_routes: int | None) -> RouteEngine:
    """Bought for 100 at one venue, sold at five others, each a little dearer than the last."""
    engine = RouteEngine("inventory", most_legs=4, kernel=kernel, most_routes=most_routes)
    for venue, bid, ask in [
        ("v0", 99.0, 100.0),
        *((f"v{i}", 100.0 + i, 110.0) for i in range(1, 6)),
    ]:
        engine.list_market(a_market(venue, "BTC-USDT"))
        engine.set_depth(venue, BTC, a_depth(bid, ask))
    return engine


def rates(engine: RouteEngine) -> dict[str, float]:
    return {found.cycle.id: found.top_rate for found in engine.found()}


def test_a_coin_that_is_dearer_elsewhere_is_a_way_round() -> None:
    assert rates(two_venues()) == {ROUND: 1.0 / 100.0 * 102.0}


def test_fees_of_both_trades_are_paid() -> None:
    engine = two_venues(fee=0.001)

    assert rates(engine)[ROUND] == pytest.approx(1.02 * 0.999 * 0.999, rel=1e-15)


def test_a_fee_that_eats_the_difference_leaves_no_way_round() -> None:
    assert two_venues(fee=0.01).found() == []


def test_a_book_that_cannot_be_used_ends_its_routes() -> None:
    engine = two_venues()
    engine.changed()

    engine.set_depth("kraken", BTC, None)

    assert engine.changed() == {ROUND}
    assert engine.found() == []
    assert engine.look_up(ROUND) is None


def test_a_change_is_told_once() -> None:
    engine = two_venues()

    assert engine.changed() == {ROUND}
    assert engine.changed() == set()


def test_a_route_is_looked_up_by_its_id() -> None:
    engine = two_venues()
    engine.changed()

    found = engine.look_up(ROUND)

    assert found is not None
    assert [str(leg) for leg in found.cycle.legs] == [
        "buy binance:BTC/USDT",
        "move BTC",
        "sell kraken:BTC/USDT",
        "move USDT",
    ]


def test_other_terms_need_a_book_anew() -> None:
    engine = two_venues()

    engine.list_market(a_market("kraken", "BTC-USDT", fee=0.001))

    assert engine.found() == []


def test_the_same_terms_again_change_nothing() -> None:
    engine = two_venues()
    engine.changed()

    engine.list_market(a_market("kraken", "BTC-USDT"))

    assert engine.changed() == set()
    assert list(rates(engine)) == [ROUND]


def test_a_transfer_that_is_not_known_to_be_open_is_no_way() -> None:
    engine = two_venues("transfer")
    engine.set_transfer(an_open_transfer("USDT", "kraken", "binance"))
    engine.set_transfer(an_open_transfer("BTC", "binance", "kraken"))
    before = rates(engine)

    engine.set_transfer(Transfer(asset="BTC", source="binance", target="kraken", fee=0.0))

    assert list(before) == [ROUND.replace("I|", "T|")]
    assert engine.found() == []


def test_of_two_markets_of_one_coin_the_cheaper_is_bought() -> None:
    engine = two_venues()
    engine.list_market(a_market("binance", "XBTC-USDT"))

    engine.set_depth("binance", Instrument("XBTC", "USDT"), a_depth(98.0, 99.5))

    found = engine.look_up(ROUND)
    assert found is not None
    assert found.top_rate == 1.0 / 99.5 * 102.0
    assert found.cycle.legs[0].instrument == Instrument("XBTC", "USDT")


def test_a_market_of_an_asset_in_itself_is_never_a_way() -> None:
    engine = two_venues()
    engine.list_market(a_market("kraken", "BTC-BTC"))

    engine.set_depth("kraken", Instrument("BTC", "BTC"), a_depth(2.0, 3.0))

    assert list(rates(engine)) == [ROUND]


def test_a_book_of_an_unlisted_market_is_refused() -> None:
    engine = RouteEngine("inventory", kernel="python")

    with pytest.raises(KeyError, match="BTC"):
        engine.set_depth("kraken", BTC, None)


@pytest.mark.parametrize(("legs", "routes"), [(1, None), (6, 0)])
def test_a_search_for_nothing_is_refused(legs: int, routes: int | None) -> None:
    with pytest.raises(ValueError, match=f"{legs} legs and {routes} routes"):
        RouteEngine("inventory", most_legs=legs, most_routes=routes)


@IN_BOTH
def test_of_more_than_are_kept_the_best_are(kernel: KernelName) -> None:
    engine = many_venues(kernel, most_routes=2)

    assert engine.truncated
    assert sorted(rates(engine).values()) == [1.0 / 100.0 * 104.0, 1.0 / 100.0 * 105.0]


@IN_BOTH
def test_what_was_cut_is_found_once_there_is_room(kernel: KernelName) -> None:
    engine = many_venues(kernel, most_routes=2)
    for venue in ("v4", "v5"):
        engine.set_depth(venue, BTC, None)

    for _ in range(12):
        engine.set_depth("v3", BTC, None)

    assert not engine.truncated
    assert sorted(rates(engine).values()) == [1.0 / 100.0 * 101.0, 1.0 / 100.0 * 102.0]


@IN_BOTH
def test_whoever_asks_for_all_gets_all(kernel: KernelName) -> None:
    engine = many_venues(kernel, most_routes=None)

    assert not engine.truncated
    assert len(engine.found()) == 5


@IN_BOTH
@pytest.mark.parametrize("mode", ["inventory", "transfer"])
def test_a_market_that_outgrows_its_arrays_is_searched_whole(
    kernel: KernelName, mode: Mode
) -> None:
    engine = RouteEngine(mode, most_legs=4, kernel=kernel, most_routes=None)
    state = State()

    for news in a_history(venues=6, coins=20, seed=7):
        tell(engine, state, news)

    expected = enumerated(state, mode, 4)
    assert len(expected) >= 10
    assert rates(engine) == expected


@IN_BOTH
@given(mode=MODES, most_legs=LEGS, history=histories())
def test_what_brute_force_finds_is_found_and_nothing_else(
    kernel: KernelName, mode: Mode, most_legs: int, history: list[News]
) -> None:
    engine = RouteEngine(mode, most_legs=most_legs, most_routes=None, kernel=kernel)
    state = State()

    for news in history:
        tell(engine, state, news)

    assert rates(engine) == enumerated(state, mode, most_legs)


@IN_BOTH
@given(mode=MODES, most_legs=LEGS, history=histories())
def test_one_by_one_ends_as_from_scratch(
    kernel: KernelName, mode: Mode, most_legs: int, history: list[News]
) -> None:
    engine = RouteEngine(mode, most_legs=most_legs, most_routes=None, kernel=kernel)
    state = State()

    for news in history:
        tell(engine, state, news)

    assert rates(engine) == rates(an_engine_told(state, mode, most_legs, kernel))


@IN_BOTH
@given(mode=MODES, history=histories(), data=st.data())
def test_the_order_of_what_is_told_does_not_matter(
    kernel: KernelName, mode: Mode, history: list[News], data: st.DataObject
) -> None:
    state = State()
    engine = RouteEngine(mode, most_routes=None, kernel=kernel)
    for news in history:
        tell(engine, state, news)
    other = State(
        {key: state.markets[key] for key in data.draw(st.permutations(list(state.markets)))},
        {key: state.depths[key] for key in data.draw(st.permutations(list(state.depths)))},
        state.transfers,
    )

    assert rates(an_engine_told(other, mode, 6, kernel)) == rates(engine)


@IN_BOTH
@given(mode=MODES, history=histories())
def test_who_follows_the_changes_knows_what_is_found(
    kernel: KernelName, mode: Mode, history: list[News]
) -> None:
    engine = RouteEngine(mode, most_routes=None, kernel=kernel)
    state = State()
    known: dict[str, float] = {}

    for news in history:
        tell(engine, state, news)
        for name in engine.changed():
            found = engine.look_up(name)
            known.pop(name, None)
            if found is not None:
                known[name] = found.top_rate

        assert known == rates(engine)


@IN_BOTH
@given(mode=MODES, most=st.integers(1, 4), history=histories())
def test_what_is_kept_of_more_is_true_and_whole_unless_it_says_otherwise(
    kernel: KernelName, mode: Mode, most: int, history: list[News]
) -> None:
    engine = RouteEngine(mode, most_routes=most, kernel=kernel)
    state = State()

    for news in history:
        tell(engine, state, news)

        found, expected = rates(engine), enumerated(state, mode, 6)
        assert len(found) <= most
        assert found.items() <= expected.items()
        assert engine.truncated or found == expected


@IN_BOTH
@given(mode=MODES, history=histories(), more=st.floats(0.0, 0.01))
def test_a_higher_fee_never_makes_a_route_better(
    kernel: KernelName, mode: Mode, history: list[News], more: float
) -> None:
    state = State()
    engine = RouteEngine(mode, most_routes=None, kernel=kernel)
    for news in history:
        tell(engine, state, news)
    dearer = State(
        {
            key: msgspec.structs.replace(market, taker_fee=market.taker_fee + more)
            for key, market in state.markets.items()
        },
        state.depths,
        state.transfers,
    )

    before, after = rates(engine), rates(an_engine_told(dearer, mode, 6, kernel))

    assert all(rate <= before[name] for name, rate in after.items())
