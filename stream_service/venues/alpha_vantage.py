"""Alpha Vantage: exchange rates of money and prices of US shares, polled over REST.

Source: https://www.alphavantage.co/documentation/ (CURRENCY_EXCHANGE_RATE, GLOBAL_QUOTE,
TIME_SERIES_INTRADAY, TIME_SERIES_DAILY, FX_INTRADAY, CRYPTO_INTRADAY, DIGITAL_CURRENCY_DAILY).

The status is 200 even for errors: ``Information`` or ``Note`` is a limit (or a paid function),
``Error Message`` a refusal, and the text may hold the key. The names of fields are numbered, in
three manners. Nearly all values are strings. Times are local to a zone that the answer names; those
of shares are Eastern, with daylight saving. An unknown symbol has an empty answer.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import TypeAlias
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from market import (
    Event,
    FrameError,
    Instrument,
    Quote,
    Summary,
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
)
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.codes import MONEY, by_custom, is_money, may_be_stock
from stream_service.polled import Allowance, PolledVenue, Poller, Wish
from stream_service.venue import HttpRequest, Market

NAME = "alpha_vantage"
RATE, PRICE = "CURRENCY_EXCHANGE_RATE", "GLOBAL_QUOTE"
RATE_EVERY_S = 1_800.0
PRICE_EVERY_S = 3_600.0
BURST_S = 2.0
MINUTE_S = 60.0
ANNOUNCED = re.compile(r"(API key as |apikey=)\S+")
INTERVAL_OF = {"1min": "1m", "5min": "5m", "15min": "15m", "60min": "1h", "Daily": "1d"}
"""Their lengths of candles and ours; others are left out."""

ZONES = {"US/Eastern": "America/New_York"}
"""Names of zones that newer systems know no more."""

SERIES = re.compile(r"^(?:Time Series|(?:Weekly|Monthly)\b.*Time Series)")
LENGTH = re.compile(r"\((?:Digital Currency )?(\w+)\)$")
MARKET_CLOSE = time(16)
EASTERN = ZoneInfo("America/New_York")

Fields: TypeAlias = dict[str, msgspec.Raw]


class RateRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "base": "1. From_Currency Code",
        "base_name": "2. From_Currency Name",
        "quote": "3. To_Currency Code",
        "rate": "5. Exchange Rate",
        "refreshed": "6. Last Refreshed",
        "zone": "7. Time Zone",
        "bid": "8. Bid Price",
        "ask": "9. Ask Price",
    },
):
    """What one unit costs; bid and ask may be a dash, and older answers have none."""

    base: str
    quote: str
    rate: wire.Price
    refreshed: str
    zone: str
    base_name: str | None = None
    bid: str | float | None = None
    ask: str | float | None = None


class PriceRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "01. symbol",
        "open": "02. open",
        "high": "03. high",
        "low": "04. low",
        "price": "05. price",
        "volume": "06. volume",
        "day": "07. latest trading day",
    },
):
    """The last day of a share; there is no time of the day in it."""

    symbol: str
    price: wire.Price
    day: str
    open: wire.Price | None = None
    high: wire.Price | None = None
    low: wire.Price | None = None
    volume: wire.OrZero | None = None


_fields = msgspec.json.Decoder(Fields)
_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(dict[str, str])
_rate_row = msgspec.json.Decoder(RateRow, strict=False)
_price_row = msgspec.json.Decoder(PriceRow, strict=False)
_rows = msgspec.json.Decoder(dict[str, Fields])
_price = msgspec.json.Decoder(wire.Price, strict=False)
_size = msgspec.json.Decoder(wire.OrZero, strict=False)


def covers(instrument: Instrument) -> bool:
    """Tell whether it can be asked for: money in money, or what may be a share."""
    return is_money(instrument) or may_be_stock(instrument)


def symbol(instrument: Instrument) -> str:
    """Return the symbol of the share, or the codes of the money."""
    return str(instrument) if is_money(instrument) else instrument.base


def sign(request: HttpRequest, keys: Mapping[str, str]) -> HttpRequest:
    """Add the key to the query; the service takes it nowhere else."""
    path = f"{request.path}&apikey={quote(keys.get('key', ''), safe='')}"
    return msgspec.structs.replace(request, path=path)


class AlphaVantagePoller(Poller):
    """Asks for each pair of currencies and each share; money comes first, as calls are few."""

    def wishes(self) -> Sequence[Wish]:
        """See `Poller.wishes`."""
        wanted = self.wanted or ()
        pairs = dict.fromkeys(by_custom(one) for one in wanted if is_money(one))
        shares = [one for one in wanted if may_be_stock(one)]
        return [
            *(Wish(request=_rate_request(p), every_s=RATE_EVERY_S, importance=3.0) for p in pairs),
            *(Wish(request=_price_request(one), every_s=PRICE_EVERY_S) for one in shares),
        ]

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Poller.answered`; what an answer is about it says itself."""
        try:
            fields = _fields.decode(body)
            _check_failure(fields, request, received_ns)
            return self._events(fields, request, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Poller.recognise`; every line is an answer."""
        del body, hint
        return HttpRequest("/query", about=("any", None))

    def _events(self, fields: Fields, request: HttpRequest, received_ns: int) -> Sequence[Event]:
        if raw := fields.get("Realtime Currency Exchange Rate"):
            return [self._rate(_rate_row.decode(raw), request, received_ns)]
        if raw := fields.get("Global Quote"):
            return [self._price(_price_row.decode(raw), request, received_ns)]
        for name, raw in fields.items():
            if SERIES.match(name):
                meta = {
                    _plain(key): text for key, text in _texts.decode(fields["Meta Data"]).items()
                }
                return self._candles(name, meta, _rows.decode(raw), received_ns)
        return ()

    def _rate(self, row: RateRow, request: HttpRequest, received_ns: int) -> Quote | Summary:
        """Read a rate; what is told with a bid and an ask is a quote that nobody can trade on."""
        instrument = _expected(Instrument.of(row.base, row.quote), request)
        event_ns = _ns_of_local(row.refreshed, row.zone)
        bid, ask = _number(row.bid), _number(row.ask)
        sequence = self.number(received_ns)
        if bid is not None and ask is not None and bid <= ask:
            return Quote(
                venue=NAME,
                instrument=instrument,
                bid=bid,
                bid_size=0.0,
                ask=ask,
                ask_size=0.0,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=sequence,
            )
        return Summary(
            venue=NAME,
            instrument=instrument,
            symbol=str(instrument),
            name=row.base_name or "",
            last=row.rate,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=sequence,
        )

    def _price(self, row: PriceRow, request: HttpRequest, received_ns: int) -> Summary:
        return Summary(
            venue=NAME,
            instrument=_expected(Instrument(row.symbol.upper(), "USD"), request),
            symbol=row.symbol,
            last=row.price,
            open=row.open,
            high=row.high,
            low=row.low,
            volume=row.volume,
            event_ns=min(_close_ns(row.day), received_ns),
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _candles(
        self, name: str, meta: Mapping[str, str], rows: Mapping[str, Fields], received_ns: int
    ) -> Sequence[Event]:
        """Read the rows whose length is one of ours, oldest first; a stamp is that of the start."""
        length = LENGTH.search(name)
        interval = INTERVAL_OF.get(length[1]) if length else None
        if interval is None:
            return ()
        instrument = _instrument_of(meta)
        candles = []
        bad: list[Exception] = []
        for stamp, row in rows.items():
            try:
                start_ns = _ns_of_local(stamp, meta["Time Zone"])
                candles.append(self._candle(instrument, interval, start_ns, row, received_ns))
            except wire.UNREADABLE as error:
                bad.append(error)
        if bad and not candles:
            raise bad[0]
        return sorted(candles, key=lambda candle: candle.start_ns)

    def _candle(
        self, instrument: Instrument, interval: str, start_ns: int, row: Fields, received_ns: int
    ) -> VenueCandle:
        values = _values(row, instrument.quote_currency)
        opening, high, low, close = (
            _price.decode(values[name]) for name in ("open", "high", "low", "close")
        )
        if not low <= min(opening, close) <= max(opening, close) <= high:
            raise ValueError(f"a candle from {low} to {high} does not hold {opening} and {close}")
        end_ns = start_ns + INTERVALS[interval]
        return VenueCandle(
            venue=NAME,
            instrument=instrument,
            interval=interval,
            start_ns=start_ns,
            open=opening,
            high=high,
            low=low,
            close=close,
            volume=_size.decode(values.get("volume", b"0")),  # rates of money have none
            closed=end_ns <= received_ns,
            event_ns=min(end_ns, max(received_ns, start_ns)),
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )


def _rate_request(pair: Instrument) -> HttpRequest:
    query = {"function": RATE, "from_currency": pair.base, "to_currency": pair.quote_currency}
    return HttpRequest(f"/query?{urlencode(query)}", about=("rate", pair))


def _price_request(share: Instrument) -> HttpRequest:
    query = {"function": PRICE, "symbol": share.base}
    return HttpRequest(f"/query?{urlencode(query)}", about=("price", share))


def _check_failure(fields: Fields, request: HttpRequest, received_ns: int) -> None:
    """Raise what the answer says against us; an empty one is that of an unknown symbol."""
    empty = not fields or bytes(fields.get("Global Quote", b"")).replace(b" ", b"") == b"{}"
    if empty:
        raise VenueRefusedError(f"{NAME} knows nothing of {request.path}")
    for name in ("Error Message", "Information", "Note"):
        if name in fields:
            text = ANNOUNCED.sub(r"\1********", _text.decode(fields[name]))
            _raise(name, text, received_ns)


def _raise(name: str, text: str, received_ns: int) -> None:
    """Raise what a message means; each of them also advertises plans, so words are few to go by."""
    if "per second)" in text and "We have detected" not in text:
        raise VenueBusyError(f"{NAME}: {text[:200]}", wait_s=BURST_S)
    if name == "Error Message" or "a premium endpoint" in text:
        raise VenueRefusedError(f"{NAME}: {text[:200]}")
    if "per day" in text:
        day_ns = INTERVALS["1d"]
        wait_s = (day_ns - received_ns % day_ns) / SECOND_NS
        raise VenueBusyError(f"{NAME}: the calls of the day are used up", wait_s=wait_s)
    if name == "Note" or "frequency" in text:
        raise VenueBusyError(f"{NAME}: {text[:200]}", wait_s=MINUTE_S)
    raise VenueRefusedError(f"{NAME}: {text[:200]}")


def _expected(instrument: Instrument, request: HttpRequest) -> Instrument:
    """Return ``instrument`` if it is what the request was about."""
    asked = request.about[1] if request.about else None
    if asked is not None and asked != instrument:
        raise ValueError(f"asked for {asked} it tells of {instrument}")
    return instrument


def _instrument_of(meta: Mapping[str, str]) -> Instrument:
    """Return what a series is about; shares are in dollars."""
    if "From Symbol" in meta:
        return Instrument.of(meta["From Symbol"], meta["To Symbol"])
    if "Digital Currency Code" in meta:
        return Instrument.of(meta["Digital Currency Code"], meta["Market Code"])
    return Instrument(meta["Symbol"].upper(), "USD")


def _plain(name: str) -> str:
    """Take the number off a name such as ``1. open``, ``01. symbol``, ``1: Symbol``."""
    return name.partition(" ")[2]


def _values(row: Fields, quote_currency: str) -> Fields:
    """Return the values by plain name; of older ones in two currencies those in ours."""
    values = {_plain(name): raw for name, raw in row.items()}
    ours = f" ({quote_currency})"
    return values | {
        name.removesuffix(ours): raw for name, raw in values.items() if name.endswith(ours)
    }


def _number(value: str | float | None) -> float | None:
    """Return a price that may be told as a dash; None: it is not told."""
    with suppress(ValueError):
        number = float(value if value is not None else "-")
        return number if 0.0 < number < wire.LARGEST else None
    return None


def _ns_of_local(text: str, zone: str) -> int:
    """Read a local time such as ``2026-01-05 14:56:00``, or a day, in a zone that is named."""
    name = zone.strip().partition(" ")[0]
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONES.get(name, name)))
    return wire.plausible(int(local.timestamp()) * SECOND_NS)


def _close_ns(day: str) -> int:
    """Return when the exchange closed on a day."""
    local = datetime.combine(datetime.fromisoformat(day), MARKET_CLOSE, EASTERN)
    return wire.plausible(int(local.timestamp()) * SECOND_NS)


# The service's side of the wire, written from the same documents, sharing no type with ours so that
# the two cannot agree on one mistake.


def answer(path: str, market: Market) -> bytes:
    """Play Alpha Vantage's REST interface: exchange rates and the last prices of shares.

    Raises:
        LookupError: it does not serve ``path``.

    """
    route, query = wire.route_of(path)
    if route != "/query":
        raise LookupError(f"alpha_vantage does not serve {path}")
    if not query.get("apikey"):
        return _message("Error Message", "the parameter apikey is invalid or missing.")
    listed = {listing.instrument for listing in market.listings}
    match query.get("function"):
        case "CURRENCY_EXCHANGE_RATE":
            pair = Instrument(query.get("from_currency", ""), query.get("to_currency", ""))
            if pair in listed:
                return msgspec.json.encode(_rate_fields(pair, market))
        case "GLOBAL_QUOTE":
            share = Instrument(query.get("symbol", ""), "USD")
            fields = _price_fields(share, market) if share in listed else {}
            return msgspec.json.encode({"Global Quote": fields})
    return _message("Error Message", "Invalid API call. Please retry or visit the documentation.")


def _message(name: str, text: str) -> bytes:
    return msgspec.json.encode({name: text})


def _rate_fields(pair: Instrument, market: Market) -> dict[str, dict[str, str]]:
    book = market.book(pair)
    bid, ask = book.bids[0].price, book.asks[0].price
    second = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=book.event_ns // SECOND_NS)
    fields = {
        "1. From_Currency Code": pair.base,
        "2. From_Currency Name": pair.base,
        "3. To_Currency Code": pair.quote_currency,
        "4. To_Currency Name": pair.quote_currency,
        "5. Exchange Rate": wire.plain((bid + ask) / 2.0, 8),
        "6. Last Refreshed": f"{second:%Y-%m-%d %H:%M:%S}",
        "7. Time Zone": "UTC",
        "8. Bid Price": wire.plain(bid, 8),
        "9. Ask Price": wire.plain(ask, 8),
    }
    return {"Realtime Currency Exchange Rate": fields}


def _price_fields(share: Instrument, market: Market) -> dict[str, str]:
    summary, book = market.summary(share), market.book(share)
    last = book.bids[0].price if summary is None else summary.last
    values = (last, last, last) if summary is None else (summary.open, summary.high, summary.low)
    opening, high, low = (wire.plain(value or last, 4) for value in values)
    local = datetime.fromtimestamp(book.event_ns / SECOND_NS, EASTERN)
    return {
        "01. symbol": share.base,
        "02. open": opening,
        "03. high": high,
        "04. low": low,
        "05. price": wire.plain(last, 4),
        "06. volume": wire.plain(0.0 if summary is None else summary.volume or 0.0),
        "07. latest trading day": f"{local:%Y-%m-%d}",
    }


VENUE = PolledVenue(
    name=NAME,
    rest_url="https://www.alphavantage.co",
    poller=AlphaVantagePoller,
    covers=covers,
    sign=sign,
    answer=answer,
    # The free plan: 25 calls a day, one a second, as its own messages say.
    budget=Allowance(a_day=25, a_minute=5, interval_s=1.5, burst=3),
    credentials=("key",),
    symbol=symbol,
    quote_currencies=tuple(sorted(MONEY)),
)
