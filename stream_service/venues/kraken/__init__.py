"""Kraken spot, WebSocket v2: frames in, quotes, trades, books, candles and summaries out.

Source: https://docs.kraken.com/api/docs/websocket-v2/ticker, .../trade, .../book, .../ohlc,
.../instrument, https://docs.kraken.com/api/docs/guides/spot-ws-book-v2 for the checksum, and
https://docs.kraken.com/api/docs/rest-api/get-recent-trades and its neighbours.

Symbols are ``BTC/USD``, in today's codes; REST still says XBT and XDG, and names its answers
``XXBTZUSD``. Numbers are JSON numbers with all their zeros, times RFC 3339. A subscription is
answered symbol by symbol; one that was refused is refused once, and then silent behind the
heartbeats of the others. No candle says that it is over: it is when the next one comes, or when
its minute is past. Recordings of the first WebSocket interface are read too, see `KrakenV1`.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from market import (
    Event,
    FrameError,
    Instrument,
    Listed,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.books import BEST, BookWatch
from stream_service.checked_book import CheckedBook, rows_of
from stream_service.rows import readable
from stream_service.venue import (
    NO_OPTIONS,
    Channel,
    HttpRequest,
    Options,
    Session,
    Venue,
    direct,
)
from stream_service.venues.kraken import frames
from stream_service.venues.kraken.names import NAME, QUOTE_CURRENCIES, instrument_of, symbol
from stream_service.venues.kraken.rest import BUSY, RestReader, list_instruments
from stream_service.venues.kraken.side import KrakenSide, answer
from stream_service.venues.kraken.v1 import KrakenV1

NUMBERED = dict(enumerate(("ticker", "trade", "book", "ohlc", "instrument"), start=1))
"""Channels by the number of our requests: a refusal repeats the number, not the channel."""

CHECK_NS = 5 * SECOND_NS
"""Time between two looks at what was subscribed to and did not come."""

LATE_NS = 2 * SECOND_NS
"""How long after its end the last trade of a candle may be told."""

NEVER = 2**63
EVEN = 2.0**52
"""From it on floats are whole numbers: what is added to a smaller one rounds it."""

LETTER = 1
AT_LETTER = len('{"channel":"') + LETTER
"""This letter tells the channels apart, which is the cheapest thing to look at.

It is a guess that only saves time: no channel has the fields that another one needs.
"""

Wanted = tuple[str, str]
"""A channel and a symbol."""


class _Followed:
    """What a session keeps of one symbol."""

    def __init__(self, listing: Listing, number: Callable[[int], int]) -> None:
        self.listing = listing
        self.instrument = listing.instrument
        self.watch = BookWatch(NAME, listing.instrument, number)
        self.book: CheckedBook | None = None
        self.next_summary_ns = 0
        self.untold: tuple[frames.Ticker, int] | None = None
        self.candles: dict[str, VenueCandle] = {}

    def new_book(self) -> CheckedBook:
        """Return an empty book with the precision of the listing."""
        listing = self.listing
        places = wire.decimals_of(listing.tick_size), wire.decimals_of(listing.lot_size)
        return CheckedBook(places=places)


class _FollowedBySymbol(dict[str, _Followed]):
    """Makes what is kept of a symbol when it is first met."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def __missing__(self, symbol: str) -> _Followed:
        """See `Listings`: KeyError where nobody knows the symbol."""
        followed = self[symbol] = _Followed(self._session.listings[symbol], self._session.number)
        return followed


class KrakenSession(Session):
    """One connection to the public channels."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._followed = _FollowedBySymbol(self)
        self._rest = RestReader(self.listings, self.number)
        self._v1 = KrakenV1(NAME, self.listings.__getitem__, self.number)
        self._is_quoted = "quote" in options.channels
        self._is_summed_up = "summary" in options.channels
        self._readers: dict[str, Callable[[bytes, int], Sequence[Event]]] = {
            "ticker": self._tickers,
            "trade": self._trades,
            "book": self._books,
            "ohlc": self._candles,
            "instrument": self._listed,
        }
        self._hot = {
            ord(channel[LETTER]): self._readers[channel]
            for channel in ("book", "ticker", "trade", "ohlc")
        }
        self._unanswered: set[Wanted] = set()
        self._missed: set[Wanted] = set()
        self._refused: set[str] = set()
        self._next_check_ns = 0
        self._due: dict[str, _Followed] = {}
        self._due_ns = NEVER

    def opened(self) -> None:
        """Subscribe to the channels of every symbol, and to changes of their terms."""
        for channel in self._channels():
            self._subscribe(channel, list(self.listings))
        self._send("subscribe", {"channel": "instrument", "snapshot": False})

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; heartbeats and status give no event."""
        try:
            events = self._hot[frame[AT_LETTER]](frame, received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            events = self._receive_other(frame, received_ns)
        return events if received_ns < self._due_ns else [*events, *self._overdue(received_ns)]

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`.

        Raises:
            FrameError: as `receive`.
            VenueBusyError: it is to be asked again after a while.

        """
        try:
            return self._rest.events(request, body, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; pages forward."""
        if before is not None and after is None:
            return None
        # from one nanosecond before, lest another trade of the same time stays behind
        since = {} if after is None else {"since": after.event_ns - 1}
        return self._rest.request("Trades", "trades", instrument, **since, count=1_000)

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the venue goes back 720 minutes at most."""
        del end_ns
        minutes, rest = divmod(INTERVALS[interval], 60 * SECOND_NS)
        if rest:
            return None
        since = start_ns // SECOND_NS - 60
        return self._rest.request("OHLC", "candles", instrument, interval=minutes, since=since)

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`."""
        return self._rest.recognise(body, hint)

    def tick(self, now_ns: int) -> None:
        """Subscribe anew to what was refused in a hurry, did not come or came wrong."""
        if now_ns < self._next_check_ns:
            return
        self._next_check_ns = now_ns + CHECK_NS
        missing = self._missing()
        for channel in self._channels():
            late = sorted(one for wanted, one in missing & self._missed if wanted == channel)
            if late:
                self._renew(channel, late)
        self._missed = missing

    def heartbeat(self) -> None:
        """Post a ping."""
        self.post(msgspec.json.encode({"method": "ping"}))

    def _channels(self) -> dict[str, dict[str, object]]:
        """Return the venue's channels for what is to be followed, with their parameters."""
        # the ticker's own trigger is trades, which leaves bid and ask stale in between
        trigger = "bbo" if self._is_quoted else "trades"
        known: dict[Channel, tuple[str, dict[str, object]]] = {
            "quote": ("ticker", {"event_trigger": trigger}),
            "summary": ("ticker", {"event_trigger": trigger}),
            "trade": ("trade", {"snapshot": False}),
            "book": ("book", {"depth": BEST}),
            "candle": ("ohlc", {"interval": 1, "snapshot": False}),
        }
        return dict(row for channel, row in known.items() if channel in self.options.channels)

    def _subscribe(self, channel: str, symbols: list[str]) -> None:
        self._unanswered.update((channel, symbol) for symbol in symbols)
        params = {"channel": channel, "symbol": symbols, **self._channels()[channel]}
        self._send("subscribe", params)

    def _renew(self, channel: str, symbols: list[str]) -> None:
        if channel == "book":  # only a subscription that is new begins with a whole book
            params = {"channel": channel, "symbol": symbols, "depth": BEST}
            self._send("unsubscribe", params)
        self._subscribe(channel, symbols)

    def _send(self, method: str, params: dict[str, object]) -> None:
        [number] = [number for number, name in NUMBERED.items() if name == params["channel"]]
        self.post(msgspec.json.encode({"method": method, "params": params, "req_id": number}))

    def _missing(self) -> set[Wanted]:
        """Return what was subscribed to without an answer, and books without a beginning."""
        missing = {wanted for wanted in self._unanswered if wanted[1] not in self._refused}
        if "book" in self.options.channels:
            for symbol in self.listings.keys() - self._refused:
                if self._followed[symbol].book is None:
                    missing.add(("book", symbol))
        return missing

    def _books(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        book_frame = frames.book_frame.decode(frame)
        is_snapshot = book_frame.type == "snapshot"
        events: list[Event] = []
        for row in book_frame.data:
            followed = self._followed[row.symbol]
            bids, asks = rows_of(row.bids), rows_of(row.asks)
            event_ns = wire.ns_of_rfc3339(row.timestamp) if row.timestamp else received_ns
            if is_snapshot:
                followed.book = followed.new_book()
                followed.watch.renew()
            if (book := followed.book) is None:
                continue  # a change of a book that is awaited
            book.change(bids, asks)
            if fault := book.fault(row.checksum):
                followed.book = None
                if not is_snapshot:  # a wrong snapshot waits for the tick, lest it goes round
                    self._renew("book", [row.symbol])
                events += followed.watch.broke(fault, received_ns)
            else:
                events += followed.watch.changed(*book.best(), event_ns, received_ns)
        return events

    def _tickers(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            rows: Sequence[frames.Ticker] = frames.decode_tickers(frame).data
        except msgspec.ValidationError:
            rows = frames.changeless_ticker_frame.decode(frame).data
        events: list[Event] = []
        for row in rows:
            timestamp = row.timestamp
            followed = self._followed[row.symbol]
            if not (row.bid or row.ask):
                continue  # nobody makes this market; the time is that of 1970
            event_ns = wire.ns_of_rfc3339(timestamp) if timestamp else received_ns
            if self._is_quoted and (quote := self._quote(row, followed, event_ns, received_ns)):
                events.append(quote)
            if self._is_summed_up and row.last:
                if received_ns >= followed.next_summary_ns:
                    events.append(self._summary(row, followed, event_ns, received_ns))
                else:
                    self._hold_back(row, followed, event_ns)
        return events

    def _quote(
        self, row: frames.Ticker, followed: _Followed, event_ns: int, received_ns: int
    ) -> Quote | None:
        bid, ask = row.bid, row.ask
        if not (bid and ask):
            return None
        last = self.numbered
        self.numbered = sequence = received_ns if received_ns > last else last + 1
        return Quote(
            NAME,
            followed.instrument,
            bid,
            row.bid_qty,
            ask,
            row.ask_qty,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=sequence,
        )

    def _hold_back(self, row: frames.Ticker, followed: _Followed, event_ns: int) -> None:
        if followed.untold is None:
            self._wait_for(followed, followed.next_summary_ns)
        followed.untold = row, event_ns

    def _summary(
        self, row: frames.Ticker, followed: _Followed, event_ns: int, received_ns: int
    ) -> Summary:
        """Sum up, at most once a second: the ticker comes on each change of bid and ask."""
        followed.next_summary_ns = received_ns + SECOND_NS
        followed.untold = None
        price, change, numbered = row.last, row.change, self.numbered
        self.numbered = sequence = received_ns if received_ns > numbered else numbered + 1
        opened = None
        if change is not None:  # the price of 24 hours ago, which is told as the change since
            # as many digits as a float holds, lest there is a tail such as that of 0.1 + 0.2
            unit = 1e12 if price < 1e3 else 1e9 if price < 1e6 else 1e6  # noqa: PLR2004  # as above
            count = (price - change) * unit
            # this rounds to even as `round` does, which takes ten times as long
            opened = (count + EVEN - EVEN if 0.0 < count < EVEN else round(count)) / unit
        return Summary(
            NAME,
            followed.instrument,
            row.symbol,
            price,
            "",
            opened if opened and 0.0 < opened < wire.LARGEST else None,
            row.high or None,
            row.low or None,
            row.volume,
            row.bid or None,
            row.ask or None,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=sequence,
        )

    def _trades(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        trades = frames.trade_frame.decode(frame)
        backfilled = trades.type == "snapshot"
        events: list[Event] = []
        for row in trades.data:
            number = row.trade_id
            events.append(
                Trade(
                    NAME,
                    self._followed[row.symbol].instrument,
                    str(number),
                    row.side,
                    row.price,
                    row.qty,
                    backfilled,
                    event_ns=wire.ns_of_rfc3339(row.timestamp),
                    received_ns=received_ns,
                    sequence=number,
                )
            )
        return events

    def _receive_other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._others(frame, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def _others(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        if frame[:1] == b"[":
            return list(self._v1.events(frame, received_ns))
        envelope = frames.envelope.decode(frame)
        if envelope.event:
            self._v1.notice(frame)
        if not envelope.channel:
            return list(self._reply(envelope, received_ns))
        read = self._readers.get(envelope.channel)
        return () if read is None else read(frame, received_ns)

    def _candles(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        candles = frames.candle_frame.decode(frame)
        event_ns = wire.ns_of_rfc3339(candles.timestamp) if candles.timestamp else received_ns
        events: list[Event] = []
        for row in candles.data:
            interval = wire.MINUTES.get(row.interval)
            if interval is None or not row.trades:
                continue
            followed = self._followed[row.symbol]
            start_ns = wire.ns_of_rfc3339(row.interval_begin)
            first, high, low, last = row.open, row.high, row.low, row.close
            if not (low <= first <= high and low <= last <= high):
                wire.check_candle(first, high, low, last)
            candle = VenueCandle(
                NAME,
                followed.instrument,
                interval,
                start_ns,
                first,
                high,
                low,
                last,
                row.volume,
                row.trades,
                start_ns + INTERVALS[interval] <= received_ns,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
            events += self._follow(candle, followed)
        return events

    def _follow(self, candle: VenueCandle, followed: _Followed) -> Sequence[Event]:
        """Tell a candle, and before it once more the one that is over now."""
        last = followed.candles.get(candle.interval)
        if last is not None and candle.start_ns == last.start_ns and not candle.closed:
            followed.candles[candle.interval] = candle
            return (candle,)
        if last is None or candle.start_ns >= last.start_ns:
            if not candle.closed:
                followed.candles[candle.interval] = candle
                self._wait_for(followed, _late_ns(candle))
            elif last is not None:
                del followed.candles[candle.interval]
        if last is None or candle.start_ns <= last.start_ns:
            return (candle,)
        closed = self._closed(last, candle.received_ns)
        return closed, replace(candle, sequence=self.number(candle.received_ns))

    def _closed(self, candle: VenueCandle, received_ns: int) -> VenueCandle:
        sequence = self.number(received_ns)
        return replace(candle, closed=True, received_ns=received_ns, sequence=sequence)

    def _wait_for(self, followed: _Followed, due_ns: int) -> None:
        """Look at what is untold of ``followed`` with the first frame from then on."""
        self._due[followed.listing.symbol] = followed
        self._due_ns = min(self._due_ns, due_ns)

    def _overdue(self, received_ns: int) -> Iterator[Event]:
        """Tell summaries that were held back and candles that nothing came after."""
        due, self._due, self._due_ns = self._due, {}, NEVER
        for followed in due.values():
            if followed.untold and received_ns >= followed.next_summary_ns:
                (row, event_ns), followed.untold = followed.untold, None
                yield self._summary(row, followed, event_ns, received_ns)
            elif followed.untold:
                self._wait_for(followed, followed.next_summary_ns)
            for interval, candle in list(followed.candles.items()):
                if _late_ns(candle) <= received_ns:
                    yield self._closed(followed.candles.pop(interval), received_ns)
                else:
                    self._wait_for(followed, _late_ns(candle))

    def _listed(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        return list(self._terms(frame, received_ns))

    def _terms(self, frame: bytes, received_ns: int) -> Iterator[Event]:
        """Tell the terms of what is followed; the channel speaks of every pair."""
        for terms in readable(frames.terms_frame.decode(frame).data.pairs, frames.pair_terms):
            if terms.symbol in self.listings or self.options.guess:
                yield Listed(
                    venue=NAME,
                    instrument=self.listings[terms.symbol].instrument,
                    symbol=terms.symbol,
                    trading=terms.status == "online",
                    tick_size=terms.price_increment or terms.tick_size or None,
                    lot_size=terms.qty_increment or None,
                    minimum_notional=terms.cost_min or None,
                    event_ns=received_ns,
                    received_ns=received_ns,
                    sequence=self.number(received_ns),
                )

    def _reply(self, envelope: frames.Envelope, received_ns: int) -> Iterator[Event]:
        reason = envelope.error or envelope.too_fast
        channel = envelope.result.channel or NUMBERED.get(envelope.req_id, "")
        symbol = envelope.result.symbol or envelope.symbol
        if envelope.method == "unsubscribe" or channel == "instrument" or reason.startswith(BUSY):
            return  # what is still unanswered is asked anew by and by
        if envelope.success or reason.startswith("Already subscribed"):
            self._unanswered.discard((channel, symbol))
            return
        if not symbol:
            raise VenueRefusedError(f"{NAME}: {reason}")
        if symbol not in self._refused:
            instrument = self.listings[symbol].instrument
            self._refused.add(symbol)
            yield VenueStatus(
                venue=NAME,
                state="refused",
                instrument=instrument,
                reason=reason,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )


def _late_ns(candle: VenueCandle) -> int:
    """Return when a candle is over, though nothing came after it."""
    return candle.start_ns + INTERVALS[candle.interval] + LATE_NS


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws.kraken.com/v2",
    rest_url="https://api.kraken.com",
    dial=direct,
    list_instruments=list_instruments,
    session=KrakenSession,
    exchange_side=KrakenSide,
    answer=answer,
    heartbeat_s=30.0,  # the venue closes what is idle for a minute
    max_silence_s=15.0,  # it sends a heartbeat every second
    rest_interval_s=1.0,  # one call a second and pair
    send_interval_s=0.1,  # the limit of messages moves with the load and is not documented
    connect_interval_s=4.0,  # 150 connections within ten minutes, then an address is shut out
    symbol=symbol,
    instrument=instrument_of,
    quote_currencies=QUOTE_CURRENCIES,
    consecutive_trade_ids=True,
    candles_a_page=720,
)
