from math import sqrt

import msgspec
import numpy as np
import pytest

from analytics.backtest import DEFINITIONS, Figures, Terms, account, figures
from tests.analytics.backtest.candles import made

DAY_S = 86_400


def test_all_figures_of_four_days_worked_by_hand() -> None:
    bars = made([100.0, 100.0, 110.0, 88.0], [100.0, 110.0, 88.0, 99.0])

    found = figures(bars, account(bars, np.ones(4), Terms(capital=1_000.0, fee_bps=0.0)))

    # bought 10 at 100 on the second day; closes are 1,000, 1,100, 880, 990
    daily = [0.0, 0.1, -0.2, 0.125]
    mean = sum(daily) / 4
    deviation = sqrt(sum((each - mean) ** 2 for each in daily) / 3)
    fall = sqrt(0.2**2 / 4)
    growth = 0.99 ** (365 / 4) - 1
    assert msgspec.structs.asdict(found) == pytest.approx(
        {
            "start_value": 1_000.0,
            "end_value": 990.0,
            "total_return": -0.01,
            "cagr": growth,
            "hold_return": -0.01,
            "volatility": deviation * sqrt(365),
            "sharpe": mean / deviation * sqrt(365),
            "sortino": mean / fall * sqrt(365),
            "calmar": growth / 0.2,
            "max_drawdown": 0.2,
            "max_drawdown_s": 2 * DAY_S,
            "exposure": 0.75,
            "turnover": 1_000.0 / 992.5,
            "fees": 0.0,
            "fills": 1,
            "trades": 1,
            "win_rate": None,
            "profit_factor": None,
            "expectancy": None,
            "best_trade": None,
            "worst_trade": None,
            "average_trade": None,
            "average_trade_s": None,
        }
    )


def test_figures_of_trades_worked_by_hand() -> None:
    opens = [10.0, 10.0, 12.0, 12.0, 9.0, 9.0]
    bars = made(opens, opens)
    targets = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0])

    found = figures(bars, account(bars, targets, Terms(capital=100.0, fee_bps=0.0)))

    # 100 becomes 120 from 10 to 12, then 90 from 12 to 9
    assert found.trades == 2
    assert found.win_rate == pytest.approx(0.5)
    assert found.profit_factor == pytest.approx(20.0 / 30.0)
    assert found.expectancy == pytest.approx(-5.0)
    assert found.best_trade == pytest.approx(0.2)
    assert found.worst_trade == pytest.approx(-0.25)
    assert found.average_trade == pytest.approx(-0.025)
    assert found.average_trade_s == DAY_S


def test_days_count_by_their_last_close_and_not_by_each_candle() -> None:
    closes = np.linspace(100.0, 200.0, 96).tolist()
    bars = made(closes, closes, interval="1h")

    found = figures(bars, account(bars, np.ones(96), Terms(capital=100.0, fee_bps=0.0)))

    ends = np.array([1.0, *(closes[at] / closes[1] for at in (23, 47, 71, 95))])
    daily = np.diff(ends) / ends[:-1]
    assert found.sharpe == pytest.approx(daily.mean() / daily.std(ddof=1) * sqrt(365))


def test_a_fall_that_is_made_up_for_lasts_until_then() -> None:
    closes = [100.0, 90.0, 95.0, 100.0, 101.0]
    bars = made([100.0, *closes[:-1]], closes)

    found = figures(bars, account(bars, np.ones(5), Terms(capital=100.0, fee_bps=0.0)))

    assert found.max_drawdown == pytest.approx(0.1)
    assert found.max_drawdown_s == 3 * DAY_S


def test_a_figure_without_meaning_is_none() -> None:
    bars = made([1.0], [1.0])

    found = figures(bars, account(bars, np.zeros(1), Terms()))

    assert (found.sharpe, found.sortino, found.calmar, found.win_rate) == (None,) * 4
    assert found.max_drawdown == 0.0


def test_every_figure_is_defined() -> None:
    assert list(DEFINITIONS) == [field.name for field in msgspec.structs.fields(Figures)]
