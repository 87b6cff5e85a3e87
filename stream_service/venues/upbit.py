"""Upbit (Korea): trades, whole books, candles and tickers in, events out.

Source: https://docs.upbit.com/kr/reference/websocket-guide and the pages beside it:
websocket-trade, websocket-orderbook, websocket-candle, websocket-ticker; .../rate-limits

The protocol is that of `stream_service.korean`. A subscription is not answered, a second one
replaces the first, so all of it is one request; an unknown code is accepted and stays silent. The
opening price, high and low of a ticker are those of the day in UTC, its volume is that of 24 hours.
Some books of 2023 count time in microseconds. A request with an ``Origin`` header is served once in
ten seconds: none may be sent. A quiet connection is closed after 60 s, though 120 are documented.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from market import Event, Instrument, Listing, Trade
from stream_service import wire
from stream_service.korean.asking import (
    CANDLES_A_PAGE,
    Pages,
    code_of,
    instrument_of,
    listings_of,
    request_of,
    subscription,
)
from stream_service.korean.reader import AT_LETTER, Reader
from stream_service.korean.rest_side import answer_of
from stream_service.korean.side import Dialect, KoreanSide
from stream_service.venue import (
    NO_OPTIONS,
    HttpRequest,
    ListingRequests,
    Market,
    Options,
    Session,
    Venue,
    direct,
)

NAME = "upbit"
KINDS = {
    "trade": "trade",
    "quote": "orderbook",
    "book": "orderbook",
    "candle": "candle.1m",
    "summary": "ticker",
}
"""Types of the stream by our channels."""


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every market.

    The steps of prices are not asked for: all markets would have to be named, a few at a time, and
    the step of a market in KRW changes with its price.
    """
    body = yield HttpRequest("/v1/market/all?is_details=true")
    return listings_of(NAME, body)


class UpbitSession(Session):
    """One connection to the public stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._reader = Reader(NAME, self)
        self._hot = self._reader.hot
        self._pages = Pages("days_ago")

    def opened(self) -> None:
        """Subscribe to everything of every code at once.

        After a ``PING`` the venue says every ten seconds that it is up, however quiet the markets.
        """
        wanted = self.options.channels
        kinds = dict.fromkeys(kind for channel, kind in KINDS.items() if channel in wanted)
        self.post(subscription(list(self.listings), list(kinds)))
        self.post(b"PING")

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; a book gives a quote too."""
        try:
            decode, tell = self._hot[frame[AT_LETTER]]
            return tell(decode(frame), received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            return self._reader.read_rare(frame, received_ns)

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`."""
        events = self._reader.read_answer(request, body, received_ns)
        self._pages.came(request, events)
        return events

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; pages go backward."""
        del after
        return self._pages.trades(instrument, before)

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; 200 minutes at most."""
        end = datetime.fromtimestamp(end_ns // 10**9, tz=UTC)
        return self._pages.candles(
            instrument, interval, start_ns=start_ns, end_ns=end_ns, to=f"{end:%Y-%m-%dT%H:%M:%SZ}"
        )

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; the rows of every answer name their market."""
        del hint
        return request_of(body)

    def tick(self, now_ns: int) -> None:
        """See `Session.tick`; everything is streamed, so only the time is noted."""
        self._pages.passed(now_ns)


# The venue's side of the wire.

DIALECT = Dialect(
    name=NAME,
    kinds=frozenset(KINDS.values()) | {"candle.1s"},
    levels=30,
    book_time_ns=10**6,
    only_snapshot=("is_only_snapshot", "isOnlySnapshot"),
    only_realtime=("is_only_realtime", "isOnlyRealtime"),
    clock=UTC,
    days_ago="days_ago",
    whole_trades=True,
)


class UpbitSide(KoreanSide):
    """Upbit as the simulator plays it."""

    dialect = DIALECT


def answer(path: str, market: Market) -> bytes:
    """Play Upbit's REST interface, see `answer_of`."""
    return answer_of(DIALECT, path, market)


VENUE = Venue(
    name=NAME,
    websocket_url="wss://api.upbit.com/websocket/v1",
    rest_url="https://api.upbit.com",
    dial=direct,
    list_instruments=list_instruments,
    session=UpbitSession,
    exchange_side=UpbitSide,
    answer=answer,
    symbol=code_of,
    instrument=instrument_of,
    quote_currencies=("KRW", "USDT", "BTC"),
    binary_frames=True,
    max_silence_s=30.0,  # it says that it is up every ten seconds
    instruments_at_most=200,  # four types of them fit into one request of 9.5 kB, which is served
    send_interval_s=0.6,  # rate limits: five requests a second and 100 a minute of a connection
    connect_interval_s=0.25,  # rate limits: five connections a second
    rest_interval_s=0.12,  # rate limits: ten requests a second in each group
    candles_a_page=CANDLES_A_PAGE,
)
