"""Answers with many rows: the body in, what can be read of it out."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from stream_service import wire
from stream_service.korean.frames import ARRAY

Read = TypeVar("Read")


def readable(body: bytes, read: Callable[[msgspec.Raw], Read]) -> list[Read]:
    """Read the rows of an array; those that cannot be read, or are of no use, are left out.

    Raises:
        ValueError: none can be read, or they are no rows.

    """
    found: list[Read] = []
    fault: Exception | None = None
    for raw in ARRAY.decode(body):
        try:
            found.append(read(raw))
        except wire.UNREADABLE as error:
            fault = error
    if fault is not None and not found:
        raise ValueError(f"no row can be read: {fault}") from fault
    return found
