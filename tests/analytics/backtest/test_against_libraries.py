"""Figures against libraries that others rely on, where they are installed."""

from typing import Any

import numpy as np
import pytest

from analytics.backtest import Account, Terms, account, decide, figures
from analytics.strategies import SmaCross
from analytics.strategies.crosses import Periods
from tests.analytics.backtest.candles import walk

BARS = walk(24 * 120, interval="1h")
FREE = Terms(fee_bps=0.0)
TARGETS = decide(SmaCross(Periods(fast=5, slow=20)), BARS)


def days(kept: Account) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return daily returns, by slices: every day has 24 hours here."""
    closes = np.concatenate(([kept.terms.capital], kept.equity[23::24]))
    return closes[1:] / closes[:-1] - 1.0


@pytest.mark.parametrize("terms", [FREE, Terms(fee_bps=10.0, slippage_bps=3.0)])
def test_figures_of_days_are_those_of_empyrical(terms: Terms) -> None:
    library = pytest.importorskip(
        "empyrical", reason="pip install empyrical-reloaded in an environment of its own"
    )
    kept = account(BARS, TARGETS, terms)

    found = figures(BARS, kept)

    daily, year = days(kept), {"annualization": 365}
    assert found.sharpe == pytest.approx(library.sharpe_ratio(daily, **year))
    assert found.sortino == pytest.approx(library.sortino_ratio(daily, **year))
    assert found.volatility == pytest.approx(library.annual_volatility(daily, **year))
    assert found.cagr == pytest.approx(library.cagr(daily, **year))
    assert found.total_return == pytest.approx(library.cum_returns_final(daily))
    hours = np.concatenate(([kept.terms.capital], kept.equity))
    depth = library.max_drawdown(hours[1:] / hours[:-1] - 1.0)
    assert found.max_drawdown == pytest.approx(-depth)


def test_figures_of_trades_are_those_of_vectorbt() -> None:
    library: Any = pytest.importorskip(
        "vectorbt", reason="pip install vectorbt in an environment of its own"
    )
    pandas: Any = pytest.importorskip("pandas")
    kept = account(BARS, TARGETS, FREE)
    found = figures(BARS, kept)
    held = np.concatenate(([0.0], np.nan_to_num(TARGETS)[:-1]))
    changes = np.diff(held, prepend=0.0)
    times = pandas.to_datetime(BARS.start_ns)

    theirs = library.Portfolio.from_signals(
        pandas.Series(BARS.close, times),
        changes > 0,
        changes < 0,
        price=BARS.open,
        init_cash=FREE.capital,
        freq="1h",
    )

    closed = theirs.trades.closed
    assert theirs.value().to_numpy() == pytest.approx(kept.equity)
    assert (found.fills, found.trades) == (theirs.orders.count(), theirs.trades.count())
    assert found.win_rate == pytest.approx(closed.win_rate())
    assert found.profit_factor == pytest.approx(closed.profit_factor())
    assert found.expectancy == pytest.approx(closed.expectancy())
    returns = closed.returns.values
    assert found.best_trade == pytest.approx(returns.max())
    assert found.worst_trade == pytest.approx(returns.min())
    assert found.average_trade == pytest.approx(returns.mean())
    assert found.max_drawdown == pytest.approx(-theirs.max_drawdown())
    assert found.hold_return == pytest.approx(BARS.close[-1] / BARS.open[0] - 1.0)
    longest = theirs.drawdowns.max_duration() / np.timedelta64(1, "s")
    assert found.max_drawdown_s == pytest.approx(longest, abs=3_600)
