"""Rows of files to events, and what events are as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import duckdb
import msgspec

from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import LISTS, PARTED, SecondCandle, levels_of
from market import Candle, Instrument, Signal

E = TypeVar("E", bound=Stored)

ROWS_A_BATCH = 20_000


def events(kind: type[E], answer: duckdb.DuckDBPyConnection) -> Iterator[list[E]]:
    """Yield what DuckDB answers as events, in batches."""
    make = maker(kind, [column[0] for column in answer.description or ()])
    while rows := answer.fetchmany(ROWS_A_BATCH):
        yield list(map(make, rows))


def maker(kind: type[E], names: Sequence[str]) -> Callable[[Sequence[Any]], E]:
    """Return what makes events of rows with columns of these names.

    A column that was not kept yet when the row was written has the default of its field; one that
    we do not know is left out.
    """
    made = cast("type[E]", Candle if kind is SecondCandle else kind)
    fields = [field for field in msgspec.structs.fields(kind) if field.name not in PARTED]
    known = [(one.name, names.index(one.name)) for one in fields if one.name in names]
    filled = {one.name for one in fields if one.default not in (None, msgspec.NODEFAULT)}
    parted = [
        (
            name,
            levels_of if columns[0] in LISTS else _instrument,
            names.index(columns[0]),
            names.index(columns[1]),
        )
        for name, columns in PARTED.items()
        if name in kind.__struct_fields__
    ]

    def make(row: Sequence[Any]) -> E:
        told = {name: row[at] for name, at in known if row[at] is not None or name not in filled}
        for name, whole, first, second in parted:
            told[name] = whole(row[first], row[second])
        if kind is Signal:
            told["values"] = msgspec.json.decode(told["values"])
        return made(**told)

    return make


@lru_cache(maxsize=65_536)
def _instrument(base: str, quote_currency: str) -> Instrument | None:
    return Instrument(base, quote_currency) if base else None
