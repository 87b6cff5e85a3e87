"""Bithumb (Korea): trades, whole books and tickers in, candles over REST, events out.

Source: https://apidocs.bithumb.com/reference/기본-정보 and the pages beside it on WebSocket; past
trades and candles: .../reference/최근-체결-내역 and .../reference/시세-캔들-조회-1

The protocol is Upbit's, see `stream_service.korean`, with surprises of its own. A book's time
counts microseconds, that of a trade or a ticker milliseconds. The dates and times in trades and
tickers are those of Korea and do not say so: they are not read. Books have 15 levels at most, whose
sizes are cut to four decimals: a size of zero is dust. A frame of the stream may come before the
snapshot, and many repeat the last one. Numbers of trades do not fit into a float. Options are in
camel case. There are no candles in the stream. Whether a page of past trades begins with the one
that ``cursor`` numbers, or after it, is not said: the ledger takes both, as trades are known by
number. A quiet connection is closed after 60 s, though 120 are documented. The stream before this
one, API 1.2.0, is read where recordings hold it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from market import Event, FrameError, Instrument, Listing, Trade
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
from stream_service.korean.written import KST
from stream_service.rounds import Rounds
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
from stream_service.venues.bithumb.v1 import reader as bithumb_v1
from stream_service.venues.bithumb.wallets import PATH as WALLETS_PATH
from stream_service.venues.bithumb.wallets import list_wallets

NAME = "bithumb"
KINDS = {"trade": "trade", "quote": "orderbook", "book": "orderbook", "summary": "ticker"}
"""Types of the stream by our channels; candles are not among them."""

MINUTE_NS = 60 * 10**9
CANDLES_AT_ONCE = 2
"""Minutes asked for each time, so that an answer that got lost is made up for by the next."""


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every market; the venue says nothing of ticks and lots."""
    body = yield HttpRequest("/v1/market/all?isDetails=true")
    return listings_of(NAME, body)


def instrument(symbol: str) -> Instrument:
    """Read ``KRW-BTC``, or ``BTC_KRW`` as the first stream had it; ValueError: it is neither."""
    return instrument_of(bithumb_v1.code_of(symbol) if "_" in symbol else symbol)


class BithumbSession(Session):
    """One connection to the public stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._reader = Reader(NAME, self, only_changes=True)
        self._hot = self._reader.hot
        self._first_reader = bithumb_v1.FirstReader(NAME, self)
        self._pages = Pages("daysAgo")
        self._rounds: Rounds[Instrument] = Rounds(period_s=60.0, delay_s=3.0, spread_s=40.0)
        self._wants_candles = "candle" in options.channels

    def opened(self) -> None:
        """Subscribe to everything of every code at once.

        After a ``PING`` the venue says every ten seconds that it is up, however quiet the markets.
        """
        wanted = self.options.channels
        kinds = dict.fromkeys(kind for channel, kind in KINDS.items() if channel in wanted)
        if kinds:
            self.post(subscription(list(self.listings), list(kinds)))
        self.post(b"PING")

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; a book gives a quote too."""
        try:
            decode, tell = self._hot[frame[AT_LETTER]]
            return tell(decode(frame), received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            return self._receive_rare(frame, received_ns)

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`."""
        match request.about:
            case ("days", None):
                return self._first_days(body, received_ns)
            case ("candles", Instrument() as asked_for):
                self._rounds.answered(asked_for)
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
        """See `Session.recall_candles`; 200 minutes at most. The venue takes times of Korea."""
        end = datetime.fromtimestamp(end_ns // 10**9, tz=KST)
        return self._pages.candles(
            instrument, interval, start_ns=start_ns, end_ns=end_ns, to=f"{end:%Y-%m-%dT%H:%M:%S}"
        )

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; the rows of every answer name their market."""
        del hint
        if b'"status"' in body[:16] and bithumb_v1.sums_up_days(body):
            return HttpRequest("/public/ticker/ALL_KRW", ("days", None))
        return request_of(body)

    def tick(self, now_ns: int) -> None:
        """Ask for the candles of the minutes that are over, of one instrument after the other."""
        self._pages.passed(now_ns)
        if not self._wants_candles:
            return
        end_ns = now_ns - now_ns % MINUTE_NS
        start_ns = end_ns - (CANDLES_AT_ONCE - 1) * MINUTE_NS
        instruments = [listing.instrument for listing in self.listings.values()]
        for due in self._rounds.due(instruments, now_ns):
            if request := self.recall_candles(due, start_ns=start_ns, end_ns=end_ns):
                self.ask(request)

    def _receive_rare(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            events = self._reader.read_rare(frame, received_ns)
        except FrameError:
            if not bithumb_v1.is_v1(frame):
                raise
            events = ()
        return events or self._first_stream(frame, received_ns)

    def _first_stream(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read a frame that the stream of today cannot be; all others give no event."""
        if not bithumb_v1.is_v1(frame):
            return ()
        try:
            return self._first_reader.read(frame, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def _first_days(self, body: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._first_reader.read_days(body, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error


# The venue's side of the wire.

DIALECT = Dialect(
    name=NAME,
    kinds=frozenset(KINDS.values()),
    levels=15,
    book_time_ns=10**3,
    only_snapshot=("isOnlySnapshot",),
    only_realtime=("isOnlyRealtime",),
    clock=KST,
    days_ago="daysAgo",
)


class BithumbSide(KoreanSide):
    """Bithumb as the simulator plays it."""

    dialect = DIALECT


def answer(path: str, market: Market) -> bytes:
    """Play Bithumb's REST interface: that of `answer_of`, and what deposits and withdrawals cost.

    Raises:
        LookupError: it does not serve ``path``, or does not list the market.

    """
    if path != WALLETS_PATH:
        return answer_of(DIALECT, path, market)
    lots = {one.instrument.base: one.lot_size or 1e-8 for one in market.listings}
    return msgspec.json.encode([_coin_fields(code, lot) for code, lot in lots.items()])


def _coin_fields(code: str, lot: float) -> dict[str, object]:
    """Write a coin of one network of its own name, with a fee of about a dollar."""
    network = {
        "net_name": code,
        "deposit_fee_quantity": "0",
        "deposit_minimum_quantity": wire.plain(100 * lot),
        "withdraw_fee_quantity": wire.plain(100 * lot),
        "withdraw_minimum_quantity": wire.plain(200 * lot),
    }
    return {"name": code, "currency": code, "networks": [network]}


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws-api.bithumb.com/websocket/v1",
    rest_url="https://api.bithumb.com",
    dial=direct,
    list_instruments=list_instruments,
    list_wallets=list_wallets,
    session=BithumbSession,
    exchange_side=BithumbSide,
    answer=answer,
    symbol=code_of,
    instrument=instrument,
    quote_currencies=("KRW", "BTC"),
    binary_frames=True,
    max_silence_s=30.0,  # it says that it is up every ten seconds
    instruments_at_most=200,  # of three types; 493 codes of one were served in one request
    send_interval_s=0.2,
    connect_interval_s=0.2,  # ten connections a second are allowed, too many are banned for 10 min
    rest_interval_s=0.05,  # 150 requests a second are allowed in each category
    candles_a_page=CANDLES_A_PAGE,
)
