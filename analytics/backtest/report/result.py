"""One backtest in, its report out: equity, drawdown, price with trades, figures, round trips."""

from collections.abc import Iterator
from html import escape

import msgspec
import numpy as np

from analytics.backtest.figures import DEFINITIONS
from analytics.backtest.report.chart import Line, Mark, chart
from analytics.backtest.report.page import cards, page, table
from analytics.backtest.report.words import label, moment, worded
from analytics.backtest.run import Result
from analytics.backtest.trips import RoundTrip

FIRST = ("total_return", "hold_return", "sharpe", "max_drawdown", "trades", "fees")
"""Figures that are seen first."""

TRIPS_SHOWN = 200


def report(result: Result, *, of: str, more: str = "", how: str = "") -> str:
    """Make the page.

    Args:
        result: What is reported.
        of: What was traded and where, such as ``BTC-USDT at kraken``.
        more: HTML that comes before the round trips.
        how: What is said in place of the parameters, where they changed on the way.

    """
    title = f"{result.strategy} on {of}"
    return page(
        title, [_head(result, title, how), *_charts(result), _figures(result), more, _trips(result)]
    )


def _head(result: Result, title: str, how: str) -> str:
    bars, terms = result.bars, result.account.terms
    chosen = ", ".join(f"{k} {v}" for k, v in msgspec.structs.asdict(result.parameters).items())
    span = (
        f"{moment(int(bars.start_ns[0]))} to {moment(int(bars.start_ns[-1]) + bars.length_ns)} UTC"
    )
    costs = f"fee {terms.fee_bps:g} bps and slippage {terms.slippage_bps:g} bps of each fill"
    told = f"{how or chosen} · {len(bars):,} candles of {bars.interval}, {span} · {costs}"
    named = [(label(name), worded(name, getattr(result.figures, name))) for name in FIRST]
    return f"<h1>{escape(title)}</h1><p>{escape(told)}</p>{cards(named)}"


def _charts(result: Result) -> Iterator[str]:
    bars, kept = result.bars, result.account
    capital = kept.terms.capital
    ends_ns = bars.start_ns + bars.length_ns
    held = bars.close * (capital / bars.open[0])
    yield chart(
        "Equity at closes",
        ends_ns,
        [Line(result.strategy, kept.equity, "up"), Line("buy and hold", held, "muted")],
    )
    peaks = np.maximum(np.maximum.accumulate(kept.equity), capital)
    falls = (kept.equity / peaks - 1.0) * 100.0
    yield chart("Drawdown, percent", ends_ns, [Line("below the peak", falls, "down", is_area=True)])
    marks = [Mark(fill.at_ns, fill.price, fill.size > 0.0) for fill in kept.fills]
    price = Line("close; ▲ bought, ▼ sold", bars.close, "muted")
    yield chart("Price and trades", bars.start_ns, [price], marks, form=",.6g")


def _figures(result: Result) -> str:
    rows = [
        (label(name), worded(name, value), DEFINITIONS[name])
        for name, value in msgspec.structs.asdict(result.figures).items()
    ]
    heads = ("figure", "value", "definition")
    return f"<h2>Figures</h2>{table(heads, rows, wide=('definition',))}"


def _trips(result: Result) -> str:
    trips = result.account.trips
    said = (
        f"the last {TRIPS_SHOWN} of {len(trips):,}" if len(trips) > TRIPS_SHOWN else f"{len(trips)}"
    )
    heads = ("bought", "sold", "entry", "leave", "profit", "gain")
    rows = [_trip(trip, result) for trip in reversed(trips[-TRIPS_SHOWN:])]
    return f"<h2>Round trips ({said}), newest first</h2>{table(heads, rows)}"


def _trip(trip: RoundTrip, result: Result) -> tuple[str, ...]:
    starts = result.bars.start_ns
    return (
        moment(int(starts[trip.start])),
        "open" if trip.is_open else moment(int(starts[trip.end])),
        f"{trip.entry:,.8g}",
        f"{trip.leave:,.8g}",
        f"{trip.profit:+,.2f}",
        f"{trip.gain:+.2%}",
    )
