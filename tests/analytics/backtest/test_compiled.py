"""The compiled forms against the objects: the same bits, and figures within a billionth."""

import msgspec
import numpy as np
import pytest

from analytics.backtest import Bars, Figures, Terms, account, decide, figures
from analytics.backtest.compiled import FormDiffersError, compiled_form, forms, loops
from analytics.strategies import SHIPPED, SmaCross, Strategy, parameters_of
from analytics.strategies.crosses import Periods
from tests.analytics.backtest.candles import made, walk

NAMES = ["sma-cross", "ema-cross", "macd", "rsi-reversal", "bollinger-breakout"]
TERMS = Terms(fee_bps=7.5, slippage_bps=2.0)


def known(measured: Figures) -> dict[str, float]:
    return {k: v for k, v in msgspec.structs.asdict(measured).items() if v is not None}


def rounded(count: int, seed: int) -> Bars:
    """Return a walk in steps so large that closes repeat and lines touch."""
    closes = np.maximum(np.round(walk(count, seed=seed).close * 4) / 4, 0.25)
    return made([100.0, *closes[:-1].tolist()], closes.tolist(), interval="1m")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_loop_says_what_the_object_says(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_compiled", forms.LOOPS.__getitem__)
    strategy: type[Strategy] = SHIPPED[name]
    parameters = parameters_of(strategy, {})
    form = compiled_form(strategy, parameters)
    assert form is not None

    for bars in (walk(1_500, seed=seed), rounded(1_500, seed), walk(3)):
        targets = decide(strategy(parameters), bars)
        assert np.array_equal(form.targets(bars), targets, equal_nan=True)
        expected = figures(bars, account(bars, targets, TERMS))
        found = form.figures(bars, TERMS)
        assert known(found) == pytest.approx(known(expected), rel=1e-10, abs=1e-12)


def test_numba_changes_no_bit() -> None:
    form = compiled_form(SmaCross, Periods(fast=5, slow=20))
    bars = walk(5_000)
    assert form is not None

    found = form.checked(bars).figures(bars, TERMS)

    expected = figures(bars, account(bars, decide(SmaCross(Periods(fast=5, slow=20)), bars), TERMS))
    assert known(found) == pytest.approx(known(expected), rel=1e-10)


def test_a_form_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_compiled", lambda _: loops.ema_cross)
    form = compiled_form(SmaCross, Periods(fast=5, slow=20))
    assert form is not None

    with pytest.raises(FormDiffersError, match="sma-cross differs from its object"):
        form.checked(walk(500))


def test_what_is_not_ours_has_no_compiled_form() -> None:
    class Mine(SmaCross):
        """As ours, by the same name."""

    assert compiled_form(Mine, Periods()) is None
