"""Recordings of venues, read by our side and the plain way.

The folder that CRYPTOTRACKER_FRAMES names holds one frame or REST body on each line of
``<venue>/<source>-<kind>.jsonl``.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market import Event, Listing
from stream_service.venue import Options, Venue

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
NOW = 1_900_000_000_000_000_000

needs_recordings = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)


def lines_of(venue: Venue, name: str) -> list[bytes]:
    return (Path(FOLDER or "") / venue.name / f"{name}.jsonl").read_bytes().splitlines()


def plain(body: bytes) -> Any:
    """Read a line with every digit kept."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


def decoded_by(venue: Venue, name: str) -> list[Event]:
    """Read a recording without knowing what was subscribed to."""

    def guess(symbol: str) -> Listing:
        return Listing(instrument=venue.instrument(symbol), symbol=symbol)

    session = venue.session([], Options(guess=guess))
    events: list[Event] = []
    for body in lines_of(venue, name):
        request = session.recognise(body, "")
        if request is None:
            events += session.receive(body, NOW)
        else:
            events += session.answered(request, body, NOW)
    return events


def exactly(value: float | None) -> Decimal:
    """Return the digits that a number was read from."""
    return Decimal(repr(value))


def named(symbol: str) -> str:
    """Turn the name of an instrument round."""
    return "-".join(symbol.split("-")[::-1])


def in_ns(text: str) -> int:
    """Read a time in UTC the plain way."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
