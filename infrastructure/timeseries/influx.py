"""The store in InfluxDB 2: two buckets, one for what is kept a day, one for what is kept for ever.

    <prefix>/raw       trade, quote, book, summary, venue_status, candles of a second    expires
    <prefix>/candles   other candles, gap, listed, episode, premium, signal        stays

Tags are ``venue``, ``base`` and ``quote_currency``, with ``interval`` for candles, ``channel`` for
gaps, and for premiums the market that they are over and ``basis``. Those of an episode are
``base``, ``type`` and ``mode``, those of a signal what it is known by. All else is a field.
`line_protocol` says what the time is.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from infrastructure.timeseries import influx_past
from infrastructure.timeseries.batch import RANKED_BY, Ranked, Refused, sift
from infrastructure.timeseries.influx_lines import Inlet
from infrastructure.timeseries.influx_questions import (
    all_gaps,
    episodes,
    is_marked,
    listings,
    newest,
    signals,
)
from infrastructure.timeseries.influx_ranks import not_outdone
from infrastructure.timeseries.influx_server import Bucket, InfluxServer, reach
from infrastructure.timeseries.line_protocol import mark_line
from infrastructure.timeseries.past import Held, Row
from infrastructure.timeseries.port import PROBE_WITHIN_S, GapTerms, SignalTerms, Stored
from infrastructure.timeseries.question import EXPIRING, S, Series, Span, expires, made_of
from market import (
    Book,
    Candle,
    Episode,
    Gap,
    Instrument,
    Listed,
    PoisonousError,
    Premium,
    Quote,
    SettingsError,
    Signal,
    StoreUnavailableError,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from market.intervals import SECOND_NS

PLAIN = (Gap, Episode, Premium, Signal)
"""Kinds that stay, and of which the later of two replaces the earlier whatever it says."""

PREFIX = "crypto"
"""What the names of the buckets begin with, unless another is given."""

log = structlog.get_logger()

_DAY_S = 86_400
_YEAR_S = 364 * _DAY_S


@asynccontextmanager
async def connect_influx(
    url: str,
    *,
    token: str,
    org: str,
    bucket_prefix: str = PREFIX,
    raw_retention_s: int = _DAY_S,
    timeout_s: float = 10.0,
) -> AsyncIterator[InfluxTimeSeries]:
    """Connect to InfluxDB and make the buckets that are missing.

    Args:
        url: Such as http://localhost:8086.
        token: May read and write the buckets, and make them if they are missing.
        org: The organisation that the buckets belong to.
        bucket_prefix: What the names of the buckets begin with.
        raw_retention_s: How long a new bucket keeps trades, quotes, books and summaries, at
            least an hour; zero is for ever.
        timeout_s: For one request, from the first byte sent to the last one read.

    Raises:
        SettingsError: the prefix cannot be part of a name.
        StoreUnavailableError: the server does not answer, or turns us down.

    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", bucket_prefix):
        raise SettingsError(
            f"a bucket prefix is letters, digits, dashes and underscores, not {bucket_prefix!r}"
        )
    raw, lasting = _buckets(bucket_prefix, raw_retention_s)
    async with reach(url, token=token, org=org, timeout_s=timeout_s) as server:
        await server.ensure(raw)
        await server.ensure(lasting)
        yield InfluxTimeSeries(server, raw=raw, lasting=lasting)


def bucket_names(prefix: str = PREFIX) -> tuple[str, ...]:
    """Return the names of the buckets, for whom tokens are made."""
    return tuple(bucket.name for bucket in _buckets(prefix, _DAY_S))


def _buckets(prefix: str, raw_retention_s: int) -> tuple[Bucket, Bucket]:
    """Return the bucket of what expires and the one of what stays."""
    return Bucket(prefix, "raw", raw_retention_s), Bucket(prefix, "candles", shard_s=_YEAR_S)


class InfluxTimeSeries:
    """See `TimeSeries`."""

    def __init__(self, server: InfluxServer, *, raw: Bucket, lasting: Bucket) -> None:
        self._server = server
        self._raw = raw
        self._lasting = lasting
        self._raw_inlet = Inlet(server, raw)
        self._lasting_inlet = Inlet(server, lasting)
        self._rewriting = asyncio.Lock()
        self._last_start_ns: dict[Hashable, int] = {}
        """Start of the newest candle of each series that was written here."""

    async def write(self, events: Sequence[Stored]) -> None:
        """See `TimeSeries.write`.

        A trade, quote, book or summary older than its bucket keeps is dropped and counted, with a
        line in the log.
        Of two processes that write the same candle or listing at once, the last one's stays.
        """
        kept, refused = await asyncio.to_thread(sift, events)
        refused += await self._raw_inlet.put(_of(EXPIRING, kept))
        refused += await self._lasting_inlet.put(_of(PLAIN, kept))
        for kind in RANKED_BY:
            ranked = [one for one in kept.get(kind, ()) if isinstance(one, kind)]
            refused += await self._rewrite(
                [one for one in ranked if not _expires(one)], self._lasting
            )
            refused += await self._rewrite([one for one in ranked if _expires(one)], self._raw)
        if refused:
            raise PoisonousError(refused)

    @property
    def expired(self) -> int:
        """See `TimeSeries.expired`."""
        return self._raw_inlet.expired + self._lasting_inlet.expired

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Trade]:
        """See `TimeSeries.trades`."""
        series = Series(Trade, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def quotes(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Quote]:
        """See `TimeSeries.quotes`."""
        series = Series(Quote, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def books(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Book]:
        """See `TimeSeries.books`."""
        return await self._newest(Series(Book, venue, instrument), Span(start_ns, end_ns, limit))

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[Candle]:
        """See `TimeSeries.candles`."""
        series = Series(Candle, venue, instrument, interval)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def gaps(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Gap]:
        """See `TimeSeries.gaps`."""
        series = Series(Gap, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def all_gaps(
        self, terms: GapTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Gap]:
        """See `TimeSeries.all_gaps`."""
        span = Span(start_ns, end_ns, limit)
        return await all_gaps(self._server, self._lasting, terms, span)

    async def venue_candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[VenueCandle]:
        """See `TimeSeries.venue_candles`."""
        series = Series(VenueCandle, venue, instrument, interval)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def summaries(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Summary]:
        """See `TimeSeries.summaries`."""
        series = Series(Summary, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def statuses(
        self, venue: str, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[VenueStatus]:
        """See `TimeSeries.statuses`."""
        return await self._newest(Series(VenueStatus, venue, None), Span(start_ns, end_ns, limit))

    async def episodes(
        self, base: str | None, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Episode]:
        """See `TimeSeries.episodes`."""
        return await episodes(self._server, self._lasting, base, Span(start_ns, end_ns, limit))

    async def premiums(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Premium]:
        """See `TimeSeries.premiums`."""
        series = Series(Premium, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def signals(
        self, terms: SignalTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Signal]:
        """See `TimeSeries.signals`."""
        return await signals(self._server, self._lasting, terms, Span(start_ns, end_ns, limit))

    async def listings(self) -> Sequence[Listed]:
        """See `TimeSeries.listings`."""
        return await listings(self._server, self._lasting)

    async def probe(self) -> None:
        """See `TimeSeries.probe`; the mark is a point of the measurement ``probe``."""
        at_ns = time.time_ns()
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                answer = await self._server.write(self._raw, mark_line(at_ns))
                is_there = await is_marked(self._server, self._raw, at_ns)
        except TimeoutError as error:
            raise StoreUnavailableError(
                f"InfluxDB did not store and return a point within {PROBE_WITHIN_S:g} s; it is "
                "overloaded or stopped: look at its processor, memory and disk, then restart it"
            ) from error
        if not is_there:
            raise StoreUnavailableError(
                f"InfluxDB does not return a point that it answered {answer.status} "
                f"{answer.text.strip()[:200]!r} to; restart it, and look into its log"
            )

    async def oldest(self, kind: type[Stored], *, since_ns: int = 0) -> int | None:
        """See `Past.oldest`."""
        return await influx_past.oldest(
            self._server, self._bucket_of(kind), made_of(kind), since_ns
        )

    async def held(self, kind: type[Stored], *, start_ns: int, end_ns: int) -> Sequence[Held]:
        """See `Past.held`."""
        bucket = self._bucket_of(kind)
        return await influx_past.held(self._server, bucket, made_of(kind), start_ns, end_ns)

    def rows(
        self,
        kind: type[Stored],
        venue: str,
        instrument: Instrument | None = None,
        *,
        start_ns: int,
        end_ns: int,
    ) -> AsyncIterator[Sequence[Row]]:
        """See `Past.rows`."""
        bucket, span = self._bucket_of(kind), influx_past.Range(start_ns, end_ns)
        return influx_past.rows(self._server, bucket, made_of(kind), (venue, instrument), span)

    async def keep_from(self, time_ns: int) -> None:
        """See `Past.keep_from`; a bucket that would keep it too short a time keeps longer.

        It does so for ever. A token that may not change it leaves it as it is, with a warning.
        """
        needed_s = (time.time_ns() - time_ns) // SECOND_NS + _DAY_S
        try:
            await self._server.extend(self._raw, needed_s)
        except StoreUnavailableError as error:
            log.warning(
                "bucket.too_short",
                bucket=self._raw.name,
                needed_s=needed_s,
                why=str(error),
                remedy="raise its retention by hand, or what is not archived yet expires",
            )

    def _bucket_of(self, kind: type[Stored]) -> Bucket:
        return self._raw if kind in EXPIRING else self._lasting

    async def _rewrite(self, events: Sequence[Ranked], bucket: Bucket) -> Refused:
        """Write what nothing in the bucket outdoes; where nothing can, it is not asked."""
        if not events:
            return []
        inlet = self._raw_inlet if bucket is self._raw else self._lasting_inlet
        async with self._rewriting:
            doubtful = [event for event in events if not self._is_news(event)]
            fresh = [event for event in events if self._is_news(event)]
            better = await not_outdone(self._server, bucket, doubtful) if doubtful else []
            refused = await inlet.put([*fresh, *better])
            for event in events:
                if isinstance(event, Candle | VenueCandle):
                    series = _series_of(event)
                    self._last_start_ns[series] = max(
                        event.start_ns, self._last_start_ns.get(series, 0)
                    )
            return refused

    def _is_news(self, event: Ranked) -> bool:
        """Tell whether a candle lies after all that were written here of its series."""
        if not isinstance(event, Candle | VenueCandle):
            return False
        last_ns = self._last_start_ns.get(_series_of(event))
        return last_ns is not None and event.start_ns > last_ns

    async def _newest(self, series: Series[S], span: Span) -> Sequence[S]:
        is_raw = series.kind in EXPIRING or expires(series.interval)
        bucket = self._raw if is_raw else self._lasting
        return await newest(self._server, bucket, series, span)


def _expires(event: Ranked) -> bool:
    return isinstance(event, Candle | VenueCandle) and expires(event.interval)


def _series_of(candle: Candle | VenueCandle) -> Hashable:
    return type(candle), candle.venue, candle.instrument, candle.interval


def _of(kinds: Iterable[type[Stored]], kept: Mapping[type[Stored], list[Stored]]) -> list[Stored]:
    return [event for kind in kinds for event in kept.get(kind, ())]
