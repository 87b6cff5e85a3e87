"""What Binance answers over REST: bodies in, events and listings out.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
and .../rest-api/general-endpoints. Rows that cannot be read are left out, see `readable`.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import field

from market import Event, Instrument, Listing, Trade, VenueCandle
from stream_service import wire
from stream_service.rows import readable
from stream_service.venues.binance import frames
from stream_service.venues.binance.frames import AggregateRow, Name, Time, is_array, time_ns

NAME = "binance"
SECOND_NS = 1_000_000_000
Row = TypeVar("Row")

INTERVALS = dict(
    zip(
        (1, 60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 28_800, 43_200, 86_400),
        ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"),
        strict=True,
    )
)
INTERVALS |= {3 * 86_400: "3d", 7 * 86_400: "1w"}
INTERVALS |= {days * 86_400: "1M" for days in (28, 29, 30, 31)}
"""Names of candles by their length in seconds, which is all that REST tells of it."""


class RestTradeRow(msgspec.Struct, frozen=True):
    """One execution, over REST."""

    id: wire.Number
    price: wire.Price
    size: wire.Size = field(name="qty")
    time: Time
    sold: bool = field(name="isBuyerMaker")


class RestCandleRow(msgspec.Struct, frozen=True, array_like=True):
    """A candle, over REST; ``end`` lies within it."""

    start: Time
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    end: Time
    quote_volume: wire.OrZero
    trades: wire.Number

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class RestTickerRow(msgspec.Struct, frozen=True):
    """The last 24 hours, over REST."""

    symbol: str
    time: Time = field(name="closeTime")
    last: wire.OrZero = field(name="lastPrice")
    open: wire.OrZero = field(name="openPrice")
    high: wire.OrZero = field(name="highPrice")
    low: wire.OrZero = field(name="lowPrice")
    volume: wire.OrZero
    bid: wire.OrZero = field(name="bidPrice", default=0.0)
    ask: wire.OrZero = field(name="askPrice", default=0.0)


class RestBookTicker(msgspec.Struct, frozen=True):
    """Best bid and ask, over REST; nothing numbers it."""

    symbol: str
    bid: wire.OrZero = field(name="bidPrice")
    bid_size: wire.OrZero = field(name="bidQty")
    ask: wire.OrZero = field(name="askPrice")
    ask_size: wire.OrZero = field(name="askQty")


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """A rule for orders; its type says which of the fields it has, zero stands for none."""

    filter_type: str = ""
    tick_size: wire.OrZero = 0.0
    step_size: wire.OrZero = 0.0
    min_notional: wire.OrZero = 0.0


class SymbolRow(msgspec.Struct, frozen=True, rename="camel"):
    """One listed symbol."""

    symbol: Name
    status: str
    base_asset: Name
    quote_asset: Name
    is_spot_trading_allowed: bool = True
    filters: list[Filter] = []


class ExchangeInfo(msgspec.Struct, frozen=True):
    """Everything that is listed."""

    symbols: msgspec.Raw


_trade = msgspec.json.Decoder(RestTradeRow, strict=False)
_aggregate = msgspec.json.Decoder(AggregateRow, strict=False)
_candle = msgspec.json.Decoder(RestCandleRow, strict=False)
_ticker = msgspec.json.Decoder(RestTickerRow, strict=False)
_book_ticker = msgspec.json.Decoder(RestBookTicker, strict=False)
_exchange_info = msgspec.json.Decoder(ExchangeInfo)
_symbol = msgspec.json.Decoder(SymbolRow, strict=False)


def kind_of_answer(body: bytes) -> str:
    """Tell what an answer is of, by its shape; nothing: it is a frame.

    Raises:
        ValueError: it is neither.

    """
    if is_array(body):
        rows = frames.raws.decode(body) or [msgspec.Raw(b"{}")]
        body = bytes(rows[0])
        if is_array(body):
            return "candles"
    shape = frames.shape.decode(body)
    kinds = (
        ("", shape.stream or shape.type),
        ("instruments", bytes(shape.symbols)),
        ("depth", shape.last_number is not None),
        ("summaries", shape.last_price),
        ("quotes", shape.bid),
        ("trades", shape.sold is not None),
        ("aggregates", shape.first_trade is not None),
    )
    return next((kind for kind, is_told in kinds if is_told), "")


def listings_of(body: bytes) -> list[Listing]:
    """Read what is listed."""
    return [_listing(row) for row in _rows(_symbol, bytes(_exchange_info.decode(body).symbols))]


def trades_of(body: bytes, instrument: Instrument, received_ns: int) -> list[Trade]:
    """Read past trades, oldest first."""
    rows = sorted(_rows(_trade, body), key=lambda row: row.id)
    return [trade_of(row, instrument, received_ns, backfilled=True) for row in rows]


def aggregates_of(body: bytes, instrument: Instrument, received_ns: int) -> list[Trade]:
    """Read past aggregates of trades, oldest first."""
    rows = sorted(_rows(_aggregate, body), key=lambda row: row.id)
    return [trade_of(row, instrument, received_ns, backfilled=True) for row in rows]


def candles_of(
    body: bytes, instrument: Instrument, received_ns: int, number: Callable[[int], int]
) -> Sequence[Event]:
    """Read past candles, oldest first; ``number`` makes their sequences."""
    rows = sorted(_rows(_candle, body), key=lambda row: row.start)
    return [_candle_of(row, instrument, received_ns, number(received_ns)) for row in rows]


def tickers_of(body: bytes) -> list[RestTickerRow]:
    """Read the last 24 hours of one symbol or of all."""
    return _rows(_ticker, _in_array(body))


def book_tickers_of(body: bytes) -> list[RestBookTicker]:
    """Read the best bid and ask of one symbol or of all."""
    return _rows(_book_ticker, _in_array(body))


def trade_of(
    row: RestTradeRow | AggregateRow, instrument: Instrument, received_ns: int, *, backfilled: bool
) -> Trade:
    """Make the event of a trade."""
    return Trade(
        venue=NAME,
        instrument=instrument,
        trade_id=str(row.id),
        side="sell" if row.sold else "buy",
        price=row.price,
        size=row.size,
        event_ns=time_ns(row.time),
        received_ns=received_ns,
        sequence=row.id,
        backfilled=backfilled,
    )


def _rows(decoder: msgspec.json.Decoder[Row], body: bytes) -> list[Row]:
    return readable(frames.raws.decode(body), decoder)


def _in_array(body: bytes) -> bytes:
    return body if is_array(body) else b"[%b]" % body


def _candle_of(
    row: RestCandleRow, instrument: Instrument, received_ns: int, sequence: int
) -> VenueCandle:
    start_ns, end_ns = time_ns(row.start), time_ns(row.end)
    seconds = -(-(end_ns - start_ns) // SECOND_NS)
    return VenueCandle(
        venue=NAME,
        instrument=instrument,
        interval=INTERVALS[seconds],
        start_ns=start_ns,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        trades=row.trades,
        closed=start_ns + seconds * SECOND_NS <= received_ns,
        event_ns=min(end_ns, received_ns),  # it is told when it is asked for
        received_ns=received_ns,
        sequence=sequence,
    )


def _listing(row: SymbolRow) -> Listing:
    rules = {rule.filter_type: rule for rule in row.filters}
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or Filter()
    return Listing(
        instrument=Instrument.of(row.base_asset, row.quote_asset),
        symbol=row.symbol,
        trading=row.status == "TRADING" and row.is_spot_trading_allowed,
        tick_size=rules.get("PRICE_FILTER", Filter()).tick_size or None,
        lot_size=rules.get("LOT_SIZE", Filter()).step_size or None,
        minimum_notional=notional.min_notional or None,
    )
