"""Events as CSV, lines of JSON or a Parquet file, with the columns that the archive has.

Times are nanoseconds since the epoch (UTC), numbers are written so that they read back the same.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, TypeAlias

import duckdb
import msgspec

from infrastructure.archive.writing import Sheet, save
from infrastructure.timeseries.embedded_tables import TABLES
from infrastructure.timeseries.embedded_writing import row_of
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import columns_of

Format: TypeAlias = Literal["csv", "ndjson", "parquet"]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}

CHUNK = 256 * 1_024

Batches = AsyncIterator[list[Stored]]


async def written(kind: type[Stored], batches: Batches, form: Format) -> AsyncIterator[bytes]:
    """Yield what a file of the events holds; a Parquet file begins once it is whole."""
    match form:
        case "csv":
            yield (",".join(columns_of(kind)) + "\n").encode()
            async for events in batches:
                yield await asyncio.to_thread(_csv, events)
        case "ndjson":
            async for events in batches:
                yield await asyncio.to_thread(_lines, columns_of(kind), events)
        case "parquet":
            async for part in _parquet(kind, batches):
                yield part


def _csv(events: Sequence[Stored]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(map(row_of, events))
    return text.getvalue().encode()


def _lines(columns: Sequence[str], events: Sequence[Stored]) -> bytes:
    rows = (dict(zip(columns, row_of(event), strict=True)) for event in events)
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


async def _parquet(kind: type[Stored], batches: Batches) -> AsyncIterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / "rows.parquet"
        with closing(duckdb.connect(Path(folder) / "rows.duckdb")) as connection:
            await asyncio.to_thread(connection.execute, TABLES)
            sheet = Sheet(connection, kind)
            async for events in batches:
                await asyncio.to_thread(sheet.add, list(map(row_of, events)))
            await asyncio.to_thread(save, connection, kind, "FROM sheet", {}, path)
        with path.open("rb") as opened:  # it is read in a thread
            while part := await asyncio.to_thread(opened.read, CHUNK):
                yield part
