"""A strategy's name in, its compiled form out, once it says the same as the object."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.backtest.bars import Bars
from analytics.backtest.compiled import loops
from analytics.backtest.compiled.summing import summed
from analytics.backtest.decisions import decide
from analytics.backtest.figures import Figures, Measured, ends_of_days, figures_of
from analytics.backtest.fills import filled
from analytics.backtest.moves import COLUMNS, moves
from analytics.backtest.terms import Terms
from analytics.backtest.trips import round_trips
from analytics.indicators.history import Series
from analytics.strategies import SHIPPED, Strategy

HELD_AGAINST = 5_000
"""Candles that a form is held against its object on: the newest, and what the object needs."""


class FormDiffersError(ValueError):
    """A compiled form says something else than its object."""


class Form(msgspec.Struct, frozen=True):
    """A compiled strategy with its parameters."""

    strategy: type[Strategy]
    parameters: msgspec.Struct

    def targets(self, bars: Bars, room: Series | None = None) -> Series:
        """Return what `decide` does of a new object, in ``room`` if there is any."""
        out = np.empty(len(bars)) if room is None else room
        close = _plain(bars.close)
        name = self.strategy.name
        given = [value for _, value in _in_order(self.parameters)]
        if name == "macd":
            given.append(_first(close, self.parameters))
        _compiled(name)(close, *given, out)
        return out

    def figures(self, bars: Bars, terms: Terms, room: Series | None = None) -> Figures:
        """Return what `figures` does of the account of these targets.

        Args:
            bars: The candles.
            terms: Capital and costs.
            room: An array of their number to work in, which is quicker than a new one each time.

        Raises:
            ValueError: there are no candles.

        """
        if not len(bars):
            raise ValueError("there are no candles to compute figures of")
        return _figures(bars, self.targets(bars, room), terms)

    def checked(self, bars: Bars) -> Form:
        """Return itself.

        Raises:
            FormDiffersError: it does not say what the object says.

        """
        strategy = self.strategy(self.parameters)
        part = bars.part(max(0, len(bars) - HELD_AGAINST - strategy.warm_up), len(bars))
        if not np.array_equal(decide(strategy, part), self.targets(part), equal_nan=True):
            raise FormDiffersError(f"the compiled form of {strategy.name} differs from its object")
        return self


def compiled_form(strategy: type[Strategy], parameters: msgspec.Struct) -> Form | None:
    """Return the form of a shipped strategy; None: it has none, or numba is not installed."""
    is_ours = SHIPPED.get(strategy.name) is strategy and strategy.name in LOOPS
    return Form(strategy, parameters) if is_ours and _is_there() else None


LOOPS: Mapping[str, Callable[..., object]] = {
    "sma-cross": loops.sma_cross,
    "ema-cross": loops.ema_cross,
    "macd": loops.macd,
    "rsi-reversal": loops.rsi_reversal,
    "bollinger-breakout": loops.bollinger_breakout,
    "moves": moves,
    "summed": summed,
}
"""What is compiled: of strategies, and of their accounts.

Those of strategies take closes, the parameters in their order, and where the targets go.
"""


def _figures(bars: Bars, targets: Series, terms: Terms) -> Figures:
    fills = filled(bars, targets, terms, _carry_out)
    trips = round_trips(bars, fills)
    index = np.concatenate(([0], fills.index, [len(bars)]))
    cash = np.concatenate(([terms.capital], fills.cash))
    coins = np.concatenate(([0.0], fills.coins))
    close = _plain(bars.close)
    depth, longest_ns, exposure, equity = _compiled("summed")(
        bars.start_ns, bars.length_ns, close, index, cash, coins
    )
    places = ends_of_days(bars.start_ns)
    part = np.searchsorted(fills.index, places, side="right")
    return figures_of(
        bars,
        Measured(
            start=terms.capital,
            closes=cash[part] + coins[part] * close[places],
            depth=depth,
            longest_ns=int(longest_ns),
            exposure=exposure,
            equity=equity,
            filled=fills,
            tripped=trips,
        ),
    )


def _carry_out(
    prices: Series, shares: Series, capital: float, rate: float, slippage: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """See `CarryOut`."""
    rows = np.empty((COLUMNS, len(prices)))
    _compiled("moves")(prices, shares, capital, rate, slippage, rows)
    return rows[1] != 0.0, rows


@cache
def _compiled(name: str) -> Callable[..., Any]:
    """Compile a loop, or read it from disk; others may run meanwhile."""
    import numba  # noqa: PLC0415  # slow, and only for those who have it

    loop: Any = LOOPS[name]
    try:
        return cast("Callable[..., Any]", numba.njit(cache=True, nogil=True)(loop))
    except RuntimeError:  # there is nowhere to keep it
        return cast("Callable[..., Any]", numba.njit(nogil=True)(loop))


def _is_there() -> bool:
    return importlib.util.find_spec("numba") is not None


def _plain(values: Series) -> Series:
    """Return an array of the one form that is compiled for."""
    return np.require(values, np.float64, ["C", "W"])


def _in_order(parameters: msgspec.Struct) -> list[tuple[str, Any]]:
    return list(msgspec.structs.asdict(parameters).items())


def _first(close: Series, parameters: msgspec.Struct) -> float:
    """Return what the fast mean of `Macd` begins with."""
    given = msgspec.structs.asdict(parameters)
    fast, slow = given["fast"], given["slow"]
    return float(sum(close[slow - fast : slow].tolist()) / fast)
