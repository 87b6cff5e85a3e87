"""A state file as it is written in, what a verdict looks up out: assets by id, usable books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from operator import itemgetter
from typing import TypeAlias, cast

from analytics.routes.depth import Flaw, Levels, usable
from analytics.routes.state import Depth, Limits, Market, Mode, Transfer
from cryptotracker.state_rows import BookRow, StateFile, TransferRow
from market import Instrument

MILLISECOND_NS = 1_000_000

Place: TypeAlias = tuple[str, Instrument]
"""A venue and an instrument there, by its tickers."""


class MarketState:
    """The markets of a file at its moment; see `analytics.routes.verdict.State`.

    A market that is written twice is what its newest book says, the last one of two as new. Of
    several ways to move an asset between two venues the open one is known, then the cheapest.
    ``excluded`` are the books that are not usable.
    """

    def __init__(self, file: StateFile) -> None:
        self.now_ns = file.now_ms * MILLISECOND_NS
        self.limits = _limits(file)
        self.markets: dict[Place, Market[Fraction]] = {}
        self.depths: dict[Place, Depth[Fraction]] = {}
        self.excluded: list[tuple[Market[Fraction], Flaw]] = []
        self.transfers = {_way(row): _transfer(row) for row in _best_last(file.transfers)}
        self._usd = file.usd
        for row in _newest(file.books):
            self._take(row, file)

    def market(self, venue: str, instrument: Instrument) -> Market[Fraction]:
        """See `State.market`."""
        return self.markets[venue, instrument]

    def depth(self, venue: str, instrument: Instrument) -> Depth[Fraction]:
        """See `State.depth`."""
        return self.depths[venue, instrument]

    def transfer(self, asset: str, source: str, target: str) -> Transfer[Fraction] | None:
        """See `State.transfer`."""
        return self.transfers.get((asset, source, target))

    def usd(self, asset: str) -> Fraction | None:
        """See `State.usd`."""
        return self._usd.get(asset)

    def books(self) -> Iterator[tuple[Market[Fraction], Depth[Fraction]]]:
        """Return every usable book with its terms."""
        return ((self.markets[place], depth) for place, depth in self.depths.items())

    def _take(self, row: BookRow, file: StateFile) -> None:
        market = _market(row, file)
        place = market.venue, market.instrument
        depth = usable(_levels(row), now_ns=self.now_ns, most_age_ns=self.limits.most_age_ns)
        self.markets[place] = market
        if isinstance(depth, Depth):
            self.depths[place] = depth
        else:
            self.excluded.append((market, depth))


def _limits(file: StateFile) -> Limits[Fraction]:
    config = file.config
    return Limits(
        mode=cast("Mode", config.mode),
        most_legs=config.max_legs,
        most_age_ns=config.max_age_ms * MILLISECOND_NS,
        most_skew_ns=config.max_skew_ms * MILLISECOND_NS,
        most_return=config.max_return,
        most_capital_usd=config.max_capital_usd,
        least_return=config.min_return,
        least_profit_usd=config.min_profit_usd,
    )


def _market(row: BookRow, file: StateFile) -> Market[Fraction]:
    ids = file.aliases.get(row.venue, {})
    return Market(
        venue=row.venue,
        instrument=Instrument(row.base, row.quote),
        base=ids.get(row.base, row.base),
        quote=ids.get(row.quote, row.quote),
        taker_fee=file.venues[row.venue].taker_fee,
        lot=row.lot or None,
        minimum_notional=row.min_notional,
    )


def _levels(row: BookRow) -> Levels[Fraction]:
    return Levels(
        bids=sorted(row.bids, key=itemgetter(0), reverse=True),
        asks=sorted(row.asks, key=itemgetter(0)),
        event_ns=row.ts_ms * MILLISECOND_NS,
        received_ns=row.ts_ms * MILLISECOND_NS,
        is_whole=row.seq_ok,
    )


def _newest(rows: Iterable[BookRow]) -> Iterable[BookRow]:
    newest: dict[tuple[str, str, str], BookRow] = {}
    for row in sorted(rows, key=lambda row: row.ts_ms):
        newest[row.venue, row.base, row.quote] = row
    return newest.values()


def _best_last(rows: Iterable[TransferRow]) -> list[TransferRow]:
    return sorted(rows, key=lambda row: (row.open is True, -row.fee, -(row.min or 0)))


def _way(row: TransferRow) -> tuple[str, str, str]:
    return row.asset, row.source, row.to


def _transfer(row: TransferRow) -> Transfer[Fraction]:
    return Transfer(
        asset=row.asset,
        source=row.source,
        target=row.to,
        fee=row.fee,
        minimum=row.min,
        open=row.open,
    )
