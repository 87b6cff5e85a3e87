"""Lines that are written together say what lines that are written one by one say."""

import os
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptotracker.decoding import Recorded, reader_of
from infrastructure.timeseries.batch import identity_of
from infrastructure.timeseries.line_batch import lines_of
from infrastructure.timeseries.line_protocol import line_of, time_key
from infrastructure.timeseries.port import Stored
from market import CryptoTrackerError, Instrument, Quote, Trade
from stream_service.venue import Venue
from tests.making import a_candle, a_gap, a_quote, a_trade
from tests.venues.cases import FIXTURES, VENUES, a_case

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
NOW = 1_790_000_000_000_000_000

numbers = st.floats(0, allow_nan=False, allow_infinity=False)
times = st.integers(0, 2**62)
letters = st.characters(categories=["L", "N", "P", "S"], exclude_characters="\\")
codes = st.text(st.one_of(st.just(" "), letters), min_size=1, max_size=8)
markets = st.tuples(codes, st.builds(Instrument, codes, codes))


@st.composite
def a_raw_event(draw: st.DrawFn) -> Quote | Trade:
    venue, instrument = draw(markets)
    a, b, at_ns, received_ns = draw(numbers), draw(numbers), draw(times), draw(times)
    if draw(st.booleans()):
        event: Quote | Trade = a_quote(bid=a, ask=b, bid_size=b, ask_size=a, at_ns=at_ns)
    else:
        trade = a_trade(price=a, size=b, at_ns=at_ns, backfilled=draw(st.booleans()))
        trade_id = draw(st.one_of(codes, times.map(str), st.uuids().map(str)))
        event = msgspec.structs.replace(trade, trade_id=trade_id, side="sell")
    return msgspec.structs.replace(
        event, venue=venue, instrument=instrument, received_ns=received_ns
    )


@given(events=st.lists(a_raw_event(), max_size=5))
def test_lines_are_those_of_each_event(events: list[Quote | Trade]) -> None:
    together = lines_of(events).decode()

    apart = [line_of(event).decode() for event in events]
    assert sorted(_numbers_of(filter(None, together.split("\n")))) == sorted(_numbers_of(apart))


def test_events_of_every_kind_are_written() -> None:
    events: list[Stored] = [a_gap(), a_trade(), a_candle(), a_quote(), a_quote("a b")]

    lines = lines_of(events).split(b"\n")

    assert sorted(lines) == sorted(map(line_of, events))


def test_nothing_is_no_line() -> None:
    assert lines_of([]) == b""


def points_of(trades: Iterable[Trade]) -> dict[Hashable, set[Hashable]]:
    """Return the trades by the point that each is stored as."""
    points: dict[Hashable, set[Hashable]] = {}
    for trade in trades:
        point = trade.venue, trade.instrument, time_key(trade)
        points.setdefault(point, set()).add(identity_of(trade))
    return points


def overwritten(trades: Sequence[Trade]) -> list[set[Hashable]]:
    return [several for several in points_of(trades).values() if len(several) > 1]


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_no_trade_of_the_fixtures_overwrites_another(venue: str) -> None:
    cases = [a_case(file) for file in sorted((FIXTURES / venue).glob("*.json"))]

    trades = [[event for event in case.events if isinstance(event, Trade)] for case in cases]

    assert any(trades)
    assert [several for of_case in trades if (several := overwritten(of_case))] == []


@pytest.mark.skipif(FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of frames")
def test_no_recorded_trade_overwrites_another() -> None:
    trades = [trade for venue in VENUES.values() for trade in recorded_trades(venue)]

    assert len(trades) > 200
    assert overwritten(trades) == []


def recorded_trades(venue: Venue) -> Iterator[Trade]:
    """Read what was recorded of a venue; frames that were recorded to be refused give nothing."""
    for file in sorted((Path(FOLDER or "") / venue.name).glob("*.jsonl")):
        reader = reader_of(venue)
        for body in file.read_bytes().splitlines():
            with suppress(CryptoTrackerError):
                lines = reader.read(Recorded(file.name, body, NOW))
                yield from (line for line in lines if isinstance(line, Trade))


NUMBER = re.compile(r"(?<==)\d+(\.\d+)?(e[+-]?\d+)?(?=[, ])")


def _numbers_of(lines: Iterable[str]) -> list[str]:
    """Write every number the same way: 1e16 is 1e+16, and 5 is 5.0."""
    return [NUMBER.sub(lambda found: repr(float(found[0])), line) for line in lines]
