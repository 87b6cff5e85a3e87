"""From targets to what would have been bought and sold, and what it would have been worth.

A target decided on one candle is carried out at the open of the next, the last one never. A fill
pays its fee from what changes hands, and its price is worse than the open by the slippage. Shares
are kept until the target changes; in between nothing is traded.
"""

import msgspec
import numpy as np

from analytics.backtest.bars import Bars
from analytics.indicators.history import Series

BPS = 10_000.0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What it is traded with: capital in the quote currency, fee and slippage of each fill."""

    capital: float = 10_000.0
    fee_bps: float = 10.0
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            ValueError: capital is not above zero, or a rate is not from 0 to 9,999.

        """
        if not 0.0 < self.capital < float("inf"):
            raise ValueError(f"a capital of {self.capital:g} is none; it must be above zero")
        for name, rate in (("fee_bps", self.fee_bps), ("slippage_bps", self.slippage_bps)):
            if not 0.0 <= rate < BPS:
                raise ValueError(f"{name} is {rate:g}; it must be from 0 to less than 10,000")


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One purchase (``size`` above zero) or sale; ``index`` is the candle at whose open it is.

    ``price`` includes the slippage; ``notional`` is what changed hands and ``fee`` what of that
    went to the venue, both in the quote currency. ``size`` is what came in or went out.
    """

    index: int
    at_ns: int
    price: float
    size: float
    notional: float
    fee: float


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """From the first purchase to the sale of all, or to the end (``is_open``), after fees.

    Indices are of candles, ``entry`` and ``leave`` average prices, ``profit`` in the quote
    currency; ``gain`` is that as a share of what was paid in.
    """

    start: int
    end: int
    entry: float
    leave: float
    profit: float
    gain: float
    is_open: bool


class Account(msgspec.Struct, frozen=True):
    """What would have come of it; ``equity`` and ``exposure`` at each close.

    ``exposure`` is the share of the equity that is in the coin.
    """

    terms: Terms
    fills: tuple[Fill, ...]
    trips: tuple[RoundTrip, ...]
    equity: Series
    exposure: Series

    @property
    def fees(self) -> float:
        """All that was paid to the venue."""
        return sum(fill.fee for fill in self.fills)


def account(bars: Bars, targets: Series, terms: Terms) -> Account:
    """Carry out the targets.

    Args:
        bars: The candles that the targets were decided on.
        targets: See `decide`.
        terms: Capital and costs.

    Raises:
        ValueError: there is not one target a candle.

    """
    if len(targets) != len(bars):
        raise ValueError(f"{len(targets)} targets do not fit {len(bars)} candles")
    held = _filled_forward(targets)
    changes = np.flatnonzero(np.diff(held[:-1], prepend=0.0)) + 1 if len(bars) else np.array([])
    book = _Book(terms)
    fills = [
        fill
        for index, at_ns, price, target in zip(
            changes.tolist(),
            bars.start_ns[changes].tolist() if len(bars) else [],
            bars.open[changes].tolist() if len(bars) else [],
            held[changes - 1].tolist() if len(bars) else [],
            strict=True,
        )
        if (fill := book.move(index, at_ns, price, target)) is not None
    ]
    equity, exposure = _worth(bars, book)
    trips = tuple(_trips(fills, bars))
    return Account(terms, tuple(fills), trips, equity, exposure)


class _Book:
    """Cash and coins; ``states`` are (candle, cash, coins) from each fill on."""

    def __init__(self, terms: Terms) -> None:
        self.states: list[tuple[int, float, float]] = [(0, terms.capital, 0.0)]
        self._fee = terms.fee_bps / BPS
        self._slippage = terms.slippage_bps / BPS

    def move(self, index: int, at_ns: int, price: float, target: float) -> Fill | None:
        """Buy or sell until ``target`` of what there is is in the coin."""
        _, cash, coins = self.states[-1]
        wanted = target * (cash + coins * price)
        spent = wanted - coins * price
        if spent > 0.0:
            paid = price * (1.0 + self._slippage)
            spent = min(spent, cash)
            fee = spent * self._fee
            size = (spent - fee) / paid
            cash, coins = cash - spent, coins + size
            fill = Fill(index, at_ns, paid, size, spent, fee)
        elif spent < 0.0:
            got = price * (1.0 - self._slippage)
            size = coins if target == 0.0 else min(-spent / price, coins)
            notional = size * got
            fee = notional * self._fee
            cash, coins = cash + notional - fee, coins - size
            fill = Fill(index, at_ns, got, -size, notional, fee)
        else:
            return None
        self.states.append((index, cash, coins))
        return fill


def _filled_forward(targets: Series) -> Series:
    """Return the targets with each NaN replaced by the one before; 0 before the first."""
    known = ~np.isnan(targets)
    last = np.maximum.accumulate(np.where(known, np.arange(len(targets)), -1))
    found: Series = np.where(last < 0, 0.0, targets[np.maximum(last, 0)])
    return found


def _worth(bars: Bars, book: _Book) -> tuple[Series, Series]:
    starts = np.array([start for start, _, _ in book.states])
    lengths = np.diff(starts, append=len(bars))
    cash = np.repeat([cash for _, cash, _ in book.states], lengths)
    coins = np.repeat([coins for _, _, coins in book.states], lengths)
    value = coins * bars.close
    equity = cash + value
    return equity, value / equity


def _trips(fills: list[Fill], bars: Bars) -> list[RoundTrip]:
    found: list[RoundTrip] = []
    trip: list[Fill] = []
    coins = 0.0
    for fill in fills:
        trip.append(fill)
        coins += fill.size
        if fill.size < 0.0 and coins <= 0.0:
            found.append(_trip(trip, fill.index, left=0.0))
            trip, coins = [], 0.0
    if trip:
        last = len(bars) - 1
        found.append(_trip(trip, last, left=coins * float(bars.close[last]), coins=coins))
    return found


def _trip(fills: list[Fill], end: int, *, left: float, coins: float = 0.0) -> RoundTrip:
    """Make one of its fills; ``left`` is what the ``coins`` are worth that are still held."""
    bought = [fill for fill in fills if fill.size > 0.0]
    sold = [fill for fill in fills if fill.size < 0.0]
    paid = sum(fill.notional for fill in bought)
    got = sum(fill.notional - fill.fee for fill in sold) + left
    size_in = sum(fill.size for fill in bought)
    return RoundTrip(
        start=fills[0].index,
        end=end,
        entry=sum(fill.price * fill.size for fill in bought) / size_in,
        leave=(sum(fill.price * -fill.size for fill in sold) + left) / size_in,
        profit=got - paid,
        gain=(got - paid) / paid,
        is_open=coins > 0.0,
    )
