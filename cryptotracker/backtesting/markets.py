"""A strategy over all markets of an archive, in; what came of each, out: here or on Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from analytics.across import ACROSS
from analytics.backtest import Bars, Terms, account, decide, figures, folded, refuse_look_ahead
from analytics.backtest.compiled import compiled_form
from analytics.backtest.figures import Figures
from analytics.strategies import Strategy, parameters_of
from cryptotracker.backtesting.choosing import candle_strategy
from infrastructure.scale import Columns, Engine, Market
from infrastructure.timeseries.question import kept_as, table_of
from market import Candle, SettingsError

PIECE = "1m"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters on a market, what came of them, and the fills: candle, size and price."""

    parameters: Mapping[str, float]
    figures: Figures
    fills: tuple[tuple[int, float, float], ...] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is done on each market; ``named`` is what every process finds the strategy by."""

    named: str
    tried: Sequence[Mapping[str, Any]]
    terms: Terms
    interval: str
    start_ns: int
    end_ns: int
    with_fills: bool = False


def on_each_market(
    engine: Engine, files: Sequence[str], asked: Asked
) -> list[tuple[Market, list[Tried]]]:
    """Do it on each market; the trials are in the order of what is tried.

    Raises:
        SettingsError: it cannot be done; the text says why.

    """
    work = partial(_on_one, msgspec.msgpack.encode(asked))
    piece = asked.interval if asked.interval == "1s" else PIECE
    found = engine.each(files, work, interval=piece, start_ns=asked.start_ns, end_ns=asked.end_ns)
    decoder = msgspec.msgpack.Decoder(list[Tried])
    return [
        (market, decoder.decode(told)) for market, told in found if market.venue != ACROSS
    ]  # across venues there is no market to trade on


def files_of(root: str, interval: str = PIECE) -> list[str]:
    """Return the files of candles below a folder, or below the one of an archive that holds them.

    Candles of a second have a folder of their own there; all others are made of minutes.

    Raises:
        SettingsError: there are none.

    """
    folder = Path(root)
    kept = folder / table_of(kept_as(Candle, interval))
    is_archive = kept.is_dir() or (folder / table_of(Candle)).is_dir()
    within = kept if is_archive else folder
    if found := sorted(
        str(file) for file in within.rglob("*.parquet") if ".writing" not in file.parts
    ):
        return found
    raise SettingsError(f"There are no Parquet files of candles below {root}: name another folder.")


def _on_one(asked: bytes, columns: Columns) -> bytes:
    """See `Work`: the same on any machine."""
    what = msgspec.msgpack.decode(asked, type=Asked)
    strategy = candle_strategy(what.named)
    piece = what.interval if what.interval == "1s" else PIECE
    bars = folded(Bars(interval=piece, **{k: v.copy() for k, v in columns.items()}), what.interval)
    first = parameters_of(strategy, what.tried[0])
    refuse_look_ahead(lambda part: decide(strategy(first), part), bars, name=strategy.name)
    return msgspec.msgpack.encode([_one(strategy, one, bars, what) for one in what.tried])


def _one(strategy: type[Strategy], one: Mapping[str, Any], bars: Bars, asked: Asked) -> Tried:
    parameters = parameters_of(strategy, one)
    form = None if asked.with_fills else compiled_form(strategy, parameters)
    told = msgspec.structs.asdict(parameters)
    if form is not None:
        return Tried(parameters=told, figures=form.figures(bars, asked.terms))
    kept = account(bars, decide(strategy(parameters), bars), asked.terms)
    fills = tuple((f.index, f.size, f.price) for f in kept.fills) if asked.with_fills else ()
    return Tried(parameters=told, figures=figures(bars, kept), fills=fills)
