"""Rows of an answer over REST, each on its own: what can be read of them comes out."""

from collections.abc import Sequence
from typing import TypeVar, get_args

import msgspec

from stream_service.wire import UNREADABLE

Row = TypeVar("Row")

_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])


def readable(rows: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[Row]) -> list[Row]:
    """Decode rows one by one and leave out those that cannot be read.

    Raises:
        ValueError: none of them can; it says what is wrong with the first.

    """
    found: list[Row] = []
    faults: list[Exception] = []
    for row in rows:
        try:
            found.append(decoder.decode(row))
        except UNREADABLE as error:
            faults.append(error)
    if faults and not found:
        raise ValueError(f"no row can be read: {faults[0]}") from faults[0]
    return found


def readable_rows(whole: msgspec.json.Decoder[list[Row]], body: bytes) -> list[Row]:
    """Decode an array of rows at once, or where that fails as `readable` does.

    Raises:
        ValueError: it is no array, or no row of it can be read.

    """
    try:
        return whole.decode(body)
    except UNREADABLE:
        [row] = get_args(whole.type)
        return readable(_raw_rows.decode(body), msgspec.json.Decoder(row, strict=whole.strict))
