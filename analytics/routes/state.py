"""What routes are sought in: markets and their books, moves between venues, limits.

Numbers are floats where speed counts and fractions where an answer must be exact; the same code
takes both. Money is in units of its currency, fees of trades are fractions of what a trade pays
out, fees of transfers amounts of what is sent, times nanoseconds.

An asset is named by an id that is the same at every venue. Where a venue uses a ticker for another
coin than the rest does, the ids differ though the tickers do not.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

from market import Instrument

N = TypeVar("N", float, Fraction)

Node: TypeAlias = tuple[str, str]
"""A venue and the id of an asset there."""

Mode: TypeAlias = Literal["inventory", "transfer"]
"""``inventory``: funds wait at every venue, so an asset moves at once and free between two that
list it, and is put back later. ``transfer``: it moves as the known transfers say.
"""

MODE_LETTER: dict[Mode, str] = {"inventory": "I", "transfer": "T"}


class Market(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """One book's terms: ``base`` and ``quote`` are ids of assets, ``instrument`` has the tickers.

    ``lot`` is the step of base quantities, None where there is none or nobody says.
    ``minimum_notional`` is in the quote currency, before the fee.
    """

    venue: str
    instrument: Instrument
    base: str
    quote: str
    taker_fee: N
    lot: N | None = None
    minimum_notional: N | None = None

    @property
    def name(self) -> str:
        """Return what it is called in answers: ``binance:BTC/USDT``, by tickers."""
        return f"{self.venue}:{self.instrument.base}/{self.instrument.quote_currency}"


class Depth(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """A usable book: levels of price and base quantity, bids falling, asks rising, none empty.

    A side without levels is not there. ``event_ns`` is by one clock for all venues, so that it
    tells how far two books are apart; ``received_ns`` tells how old it is.
    """

    bids: tuple[tuple[N, N], ...]
    asks: tuple[tuple[N, N], ...]
    event_ns: int
    received_ns: int
    sequence: int = 0


class Transfer(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """Moving an asset: what arrives is the amount less ``fee``, never below zero.

    ``minimum`` is the least that may be sent. ``open`` is None where nobody says.
    """

    asset: str
    source: str
    target: str
    fee: N
    minimum: N | None = None
    open: bool | None = None
    minutes: float | None = None


class Limits(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """What a route must keep to. None: no limit.

    ``most_return`` is the top rate less one beyond which a route is a suspect; ``least_return`` and
    ``least_profit_usd`` are floors of what can be executed.
    """

    mode: Mode = "inventory"
    most_legs: int = 6
    most_age_ns: int
    most_skew_ns: int
    most_return: N
    most_capital_usd: N | None = None
    least_return: N
    least_profit_usd: N


class Leg(msgspec.Struct, frozen=True):
    """One step of a cycle; a trade has a market, a move has none.

    A conversion is a comparison through a rate; no cycle that can be taken has one.
    """

    kind: Literal["buy", "sell", "move", "convert"]
    source: Node
    target: Node
    instrument: Instrument | None = None

    def __str__(self) -> str:
        if self.instrument is None:
            return f"{self.kind} {self.source[1]}"
        base, quote_currency = self.instrument.base, self.instrument.quote_currency
        return f"{self.kind} {self.source[0]}:{base}/{quote_currency}"


class Cycle(msgspec.Struct, frozen=True):
    """A way round in its canonical form: it begins and ends at the source of the first leg."""

    id: str
    mode: Mode
    legs: tuple[Leg, ...]

    @property
    def start(self) -> str:
        """Return the id of the asset that it begins and ends with."""
        return self.legs[0].source[1]
