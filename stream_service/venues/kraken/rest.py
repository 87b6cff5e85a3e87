"""Kraken over REST: what is asked, and the events that an answer means.

Source: https://docs.kraken.com/api/docs/rest-api/get-recent-trades, .../get-ohlc-data,
.../get-order-book, .../get-ticker-information, .../get-tradable-asset-pairs

A fault comes as an answer like any other, with its text in ``error``. The result names its pair by
a key that may be another than was asked for. Rows that cannot be read do not cost the others.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from market import (
    Book,
    Event,
    FrameError,
    Instrument,
    Level,
    Listing,
    Summary,
    Trade,
    VenueBusyError,
    VenueCandle,
)
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.books import BEST, crossing, is_ordered
from stream_service.venue import HttpRequest, ListingRequests, Listings, Venue
from stream_service.venues.kraken.names import NAME, instrument_of, symbol

BUSY = (
    "EAPI:Rate limit exceeded",
    "EGeneral:Too many requests",
    "EService:Busy",
    "EService:Unavailable",
    "Exceeded msg rate",
)
BUSY_S = 5.0
"""It does not say how long it wants to be left alone."""

Row = TypeVar("Row")
Read = TypeVar("Read")


class RestTradeRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One execution, over REST; ``side`` is the taker's, ``time`` in seconds with a fraction."""

    price: wire.Price
    qty: wire.Size
    time: msgspec.Raw
    side: Literal["b", "s"]
    order_type: str
    miscellaneous: str
    trade_id: wire.Number


class RestCandleRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One minute, over REST; ``start`` in seconds. The last one is not over yet."""

    start: wire.Number
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    vwap: wire.OrZero
    volume: wire.OrZero
    trades: wire.Number

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class RestTicker(msgspec.Struct, frozen=True):
    """The state of one symbol, over REST; ``[…, 24 hours]``. Its open is that of the UTC day."""

    ask: list[wire.OrZero] = msgspec.field(name="a")
    bid: list[wire.OrZero] = msgspec.field(name="b")
    last: list[wire.Price] = msgspec.field(name="c")
    volume: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="v")
    low: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="l")
    high: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="h")


class RestLevel(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One level, over REST; the time of its last change follows."""

    price: wire.Price
    size: wire.Size


class RestBook(msgspec.Struct, frozen=True):
    """The best levels of a book, over REST."""

    asks: list[RestLevel]
    bids: list[RestLevel]


class PairRow(msgspec.Struct, frozen=True):
    """One listed symbol."""

    altname: str
    wsname: str = ""
    status: str = "online"
    pair_decimals: wire.Places | None = None
    lot_decimals: wire.Places | None = None
    tick_size: wire.OrZero = 0.0
    costmin: wire.OrZero = 0.0


class Answer(msgspec.Struct, frozen=True):
    """Every answer over REST, those to a fault too."""

    error: list[str]
    result: dict[str, msgspec.Raw] = {}


_answer = msgspec.json.Decoder(Answer)
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_rest_trade_row = msgspec.json.Decoder(RestTradeRow, strict=False)
_rest_candle_row = msgspec.json.Decoder(RestCandleRow, strict=False)
_rest_ticker = msgspec.json.Decoder(RestTicker, strict=False)
_rest_book = msgspec.json.Decoder(RestBook, strict=False)
_pair = msgspec.json.Decoder(PairRow, strict=False)


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every pair that the stream knows."""
    body = yield HttpRequest("/0/public/AssetPairs", ("instruments", None))
    try:
        listings = _readable(_result(body).values(), _listing)
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error
    return [listing for listing in listings if listing]


class RestReader:
    """Asks about the instruments of a session and reads the answers.

    Args:
        listings: Those of the session.
        number: See `Session.number`.

    """

    def __init__(self, listings: Listings, number: Callable[[int], int]) -> None:
        self._listings = listings
        self._number = number

    def request(self, call: str, what: str, instrument: Instrument, **params: int) -> HttpRequest:
        """Return what asks for ``what`` of an instrument."""
        listing = self._listings[symbol(instrument)]
        query = urlencode({"pair": listing.rest_symbol or listing.symbol, **params})
        return HttpRequest(f"/0/public/{call}?{query}", (what, instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; a fault is taken for an answer about the state of the venue."""
        try:
            result = _answer.decode(body).result
            named = [(key, value) for key, value in result.items() if key != "last"]
            [(key, first), *others] = named or [("", msgspec.Raw(b"null"))]
            call, what = _call_of(msgspec.json.decode(first))
        except wire.UNREADABLE:
            return None
        if what in ("instruments", "status") or (what == "summaries" and others):
            return HttpRequest(f"/0/public/{call}", (what, None))
        about = what, self._instrument_hinted(hint, key)
        return HttpRequest(f"/0/public/{call}?{urlencode({'pair': key})}", about)

    def events(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """Read the answer to a request; trades and candles come oldest first.

        Raises:
            ValueError, LookupError: it is not of the documented shape, or says a fault.
            VenueBusyError: the venue has no time for us now.

        """
        result = _result(body)
        match request.about:
            case ("trades", Instrument() as instrument):
                trades = _readable(_rows_of(result), _rest_trade_row.decode)
                trades.sort(key=lambda row: row.trade_id)
                read = partial(_rest_trade, instrument=instrument, received_ns=received_ns)
                return _readable(trades, read)
            case ("candles", Instrument() as instrument):
                candles = _readable(_rows_of(result), _rest_candle_row.decode)
                candles.sort(key=lambda row: row.start)
                traded = [row for row in candles if row.trades]
                minutes = int(wire.route_of(request.path)[1].get("interval", "1"))
                interval = wire.MINUTES[minutes]
                read_candle = partial(
                    self._candle, interval=interval, instrument=instrument, received_ns=received_ns
                )
                return _readable(traded, read_candle)
            case ("book", Instrument() as instrument):
                return [self._rest_book(_only(result), instrument, received_ns)]
            case ("summaries", instrument):
                return _readable(
                    result.items(), lambda row: self._rest_summary(row, instrument, received_ns)
                )
            case ("trades" | "candles" | "book", None):
                raise ValueError("the answer names no instrument that we know")
        return ()

    def _candle(
        self, row: RestCandleRow, interval: str, instrument: Instrument, received_ns: int
    ) -> VenueCandle:
        start_ns = wire.plausible(row.start * SECOND_NS)
        return VenueCandle(
            venue=NAME,
            instrument=instrument,
            interval=interval,
            start_ns=start_ns,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            trades=row.trades,
            closed=start_ns + INTERVALS[interval] <= received_ns,
            event_ns=received_ns,
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )

    def _rest_book(self, body: msgspec.Raw, instrument: Instrument, received_ns: int) -> Book:
        book = _rest_book.decode(body)
        bids = tuple(Level(row.price, row.size) for row in book.bids[:BEST])
        asks = tuple(Level(row.price, row.size) for row in book.asks[:BEST])
        if not is_ordered(bids, asks) or crossing(bids, asks):
            raise ValueError("the levels are not in order")
        return Book(
            venue=NAME,
            instrument=instrument,
            bids=bids,
            asks=asks,
            event_ns=received_ns,  # a level has the time of its own last change
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )

    def _rest_summary(
        self, named: tuple[str, msgspec.Raw], instrument: Instrument | None, received_ns: int
    ) -> Summary:
        name, body = named
        row = _rest_ticker.decode(body)
        instrument = instrument or self._instrument_called(name)
        return Summary(
            venue=NAME,
            instrument=instrument,
            symbol=symbol(instrument),
            last=row.last[0],
            high=row.high[1] or None,
            low=row.low[1] or None,
            volume=row.volume[1],
            bid=row.bid[0] or None,
            ask=row.ask[0] or None,
            event_ns=received_ns,
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )

    def _instrument_called(self, name: str) -> Instrument:
        """Find an instrument by its name over REST; ValueError where none can be called so."""
        for listing in self._listings.values():
            if name in (listing.symbol, listing.rest_symbol):
                return listing.instrument
        return instrument_of(name)

    def _instrument_hinted(self, *names: str) -> Instrument | None:
        for name in names:
            try:
                return self._instrument_called(name)
            except ValueError:
                continue  # a hint may be the name of a channel
        return None


def _call_of(first: object) -> tuple[str, str]:
    """Tell by the first value of a result which call it answers, and what that is about."""
    match first:
        case {"altname": _}:
            return "AssetPairs", "instruments"
        case {"asks": _, "bids": _}:
            return "Depth", "book"
        case {"a": _, "b": _, "c": _}:
            return "Ticker", "summaries"
        case [[_, _, _, "b" | "s", *_], *_]:
            return "Trades", "trades"
        case [[_, _, _, _, _, _, _, _], *_]:
            return "OHLC", "candles"
    return "SystemStatus", "status"


def _rest_trade(row: RestTradeRow, instrument: Instrument, received_ns: int) -> Trade:
    return Trade(
        venue=NAME,
        instrument=instrument,
        trade_id=str(row.trade_id),
        side="buy" if row.side == "b" else "sell",
        price=row.price,
        size=row.qty,
        event_ns=wire.ns_of_seconds(str(row.time, "ascii")),
        received_ns=received_ns,
        sequence=row.trade_id,
        backfilled=True,
    )


def _result(body: bytes) -> dict[str, msgspec.Raw]:
    """Return what an answer holds.

    Raises:
        ValueError: it holds a fault.
        VenueBusyError: the venue has no time for us now.

    """
    reply = _answer.decode(body)
    fault = ", ".join(reply.error)
    if fault.startswith(BUSY):
        raise VenueBusyError(f"{NAME}: {fault}", wait_s=BUSY_S)
    if fault:
        raise ValueError(fault)
    return reply.result


def _only(result: dict[str, msgspec.Raw]) -> msgspec.Raw:
    """Return what is about the one pair; the key may be another than was asked for."""
    [only] = [value for key, value in result.items() if key != "last"]
    return only


def _rows_of(result: dict[str, msgspec.Raw]) -> list[msgspec.Raw]:
    return _rows.decode(_only(result))


def _readable(rows: Iterable[Row], read: Callable[[Row], Read]) -> list[Read]:
    """Read every row that can be; where none can, raise what is wrong with the last."""
    found: list[Read] = []
    fault: Exception | None = None
    for row in rows:
        try:
            found.append(read(row))
        except wire.UNREADABLE as error:
            fault = error
    if fault and not found:
        raise fault
    return found


def _listing(raw: msgspec.Raw) -> Listing | None:
    """Read a pair; None where it is not on the stream."""
    pair = _pair.decode(raw)
    if not pair.wsname:
        return None
    base, quote_currency = pair.wsname.split("/")
    if not (base and quote_currency):
        raise ValueError(f"{pair.altname} does not name both of its currencies")
    instrument = Instrument.of(base, quote_currency)
    return Listing(
        instrument=instrument,
        symbol=symbol(instrument),
        rest_symbol=pair.altname,
        trading=pair.status == "online",
        tick_size=pair.tick_size or _step(pair.pair_decimals),
        lot_size=_step(pair.lot_decimals),
        minimum_notional=pair.costmin or None,
    )


def _step(places: int | None) -> float | None:
    return None if places is None else float(f"1e-{places}")
