"""A state of the markets as its file is written, in exact fractions; docs/ROUTES.md describes it.

Numbers are decimal strings, so that none is rounded on the way; times are in milliseconds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

import msgspec

Levels: TypeAlias = tuple[tuple[Fraction, Fraction], ...]


class ConfigRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a route must keep to; see `analytics.routes.state.Limits`."""

    mode: str = "inventory"
    max_legs: int = 6
    max_age_ms: int
    max_skew_ms: int
    max_return: Fraction
    max_capital_usd: Fraction | None = None
    min_return: Fraction = Fraction(0)
    min_profit_usd: Fraction = Fraction(0)


class VenueRow(msgspec.Struct, frozen=True):
    """The fee that a venue takes from what a trade pays out, as a fraction."""

    taker_fee: Fraction


class BookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One book; ``base`` and ``quote`` are the venue's tickers."""

    venue: str
    base: str
    quote: str
    ts_ms: int
    bids: Levels = ()
    asks: Levels = ()
    seq_ok: bool = True
    min_notional: Fraction | None = None
    lot: Fraction | None = None


class TransferRow(msgspec.Struct, frozen=True, kw_only=True, rename={"source": "from"}):
    """Moving an asset, by its id; ``open`` null: nobody knows."""

    asset: str
    source: str
    to: str
    fee: Fraction
    open: bool | None
    min: Fraction | None = None


class PremiumRow(msgspec.Struct, frozen=True, kw_only=True):
    """Which market is held against which."""

    venue: str
    base: str
    quote: str
    ref_venue: str
    ref_quote: str


class PortfolioRow(msgspec.Struct, frozen=True, kw_only=True):
    """Which market is asked about, at all venues."""

    base: str
    quote: str


class StateFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is written."""

    now_ms: int
    config: ConfigRow
    venues: dict[str, VenueRow]
    books: tuple[BookRow, ...]
    aliases: dict[str, dict[str, str]] = {}
    usd: dict[str, Fraction] = {}
    transfers: tuple[TransferRow, ...] = ()
    premium: tuple[PremiumRow, ...] | None = None
    portfolio: PortfolioRow | None = None
