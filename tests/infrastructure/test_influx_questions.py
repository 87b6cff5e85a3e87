"""What the store in InfluxDB asks: constant texts, bound values, never all of time by accident."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypedDict

import pytest

from infrastructure.timeseries.influx import InfluxTimeSeries
from infrastructure.timeseries.influx_server import Answer, Bucket, InfluxServer, Row, Value
from infrastructure.timeseries.port import GapTerms
from market import Instrument, StoreUnavailableError
from tests.making import a_candle, a_listed, a_venue_candle


class When(TypedDict):
    """Which part of a series."""

    start_ns: int
    end_ns: int
    limit: int


MARKED = Instrument("MARKED'BASE", "MARKED QUOTE")
SPAN: When = {"start_ns": 7_001, "end_ns": 7_002, "limit": 77}
BY_TIME = re.compile(r" time (=|>=) (\$\w+|0)\b")
MANY = re.compile(r" time < \$to_ns| time <= \$to_ns| time = (\$at_ns|0)\b")


class Listener(InfluxServer):
    """Notes what is asked, and knows nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Value]]] = []

    async def query(self, bucket: Bucket, text: str, given: Mapping[str, Value]) -> list[Row]:
        del bucket
        self.asked.append((text, given))
        return []

    async def write(self, bucket: Bucket, lines: bytes) -> Answer:
        del bucket, lines
        return Answer(204)


@asynccontextmanager
async def everything_asked() -> AsyncIterator[list[tuple[str, Mapping[str, Value]]]]:
    """Ask all there is to ask of a store."""
    server = Listener()
    store = InfluxTimeSeries(server, raw=Bucket("c", "raw"), lasting=Bucket("c", "candles"))
    of_market = "MARKED venue", MARKED
    for read in (store.trades, store.quotes, store.gaps, store.summaries, store.premiums):
        await read(*of_market, **SPAN)
    for read_candles in (store.candles, store.venue_candles):
        await read_candles(*of_market, "MARKED interval", **SPAN)
    await store.statuses("MARKED venue", **SPAN)
    for base in (None, "MARKED base"):
        await store.episodes(base, **SPAN)
    terms = GapTerms(venues={"MARKED"}, instruments={MARKED}, channel="MARKED")
    for gaps in (GapTerms(), terms):
        await store.all_gaps(gaps, **SPAN)
    await store.listings()
    await store.write([a_candle("MARKED"), a_venue_candle("MARKED"), a_listed("MARKED")])
    await store.write([a_candle("MARKED"), a_candle("MARKED", start_ns=10**9)])
    with pytest.raises(StoreUnavailableError):  # the mark is not there
        await store.probe()
    yield server.asked


async def test_every_question_is_bounded_in_time() -> None:
    async with everything_asked() as asked:
        texts = {text for text, _ in asked}

    assert len(texts) >= 16
    assert [text for text in texts if not (BY_TIME.search(text) and MANY.search(text))] == []


async def test_values_are_bound_and_never_part_of_the_text() -> None:
    async with everything_asked() as asked:
        pass

    assert not [text for text, _ in asked if "MARKED" in text or "700" in text or "77" in text]
    assert [text for text, given in asked if set(re.findall(r"\$(\w+)", text)) - set(given)] == []


async def test_questions_after_the_newest_are_bounded_in_rows() -> None:
    async with everything_asked() as asked:
        newest = [text for text, _ in asked if "ORDER BY time DESC" in text]

    assert len(newest) >= 12
    assert all(text.endswith("LIMIT $at_most") for text in newest)
