"""CoinGecko: prices of coins and exchange rates of money, polled over REST.

Source: https://docs.coingecko.com/reference/coins-markets, .../exchange-rates, .../coins-list,
.../coins-id-ohlc and https://docs.coingecko.com/docs/errors-and-rate-limits.

A coin has an id; its code is shared by many others, so only a code that everybody knows, that one
coin alone has, or the best ranked of several is followed. The quote currencies are those of money
and a few coins, in lower case; there is no USDT among them. Values are JSON numbers, may be written
with an exponent, and are up to a minute old. Volumes are in the quote currency. The time of an ohlc
row is that of its close.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Annotated, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec

from market import (
    Event,
    FrameError,
    Instrument,
    Listing,
    Summary,
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
)
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.codes import COINS, MONEY, is_money
from stream_service.polled import Allowance, PolledVenue, Poller, Wish
from stream_service.venue import HttpRequest, Market

NAME = "coingecko"
QUOTED_IN = frozenset(MONEY | {"BTC", "ETH", "LTC", "BCH", "BNB", "EOS", "XRP", "XLM", "LINK"})
IDS_AT_MOST = 250  # of one page of /coins/markets
MARKETS_EVERY_S = 60.0  # what the service itself caches prices for
RATES_EVERY_S = 300.0
LIST_EVERY_S = 86_400.0
BUSY_S = 60.0
NOT_NOW = frozenset({429, 408, 503})

Row = TypeVar("Row")
Value = TypeVar("Value")

Seconds: TypeAlias = Annotated[
    int, msgspec.Meta(ge=wire.EARLIEST_NS // SECOND_NS, lt=wire.LATEST_NS // SECOND_NS)
]


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no answer."""

    error_code: int = 0
    error_message: str = ""


class Failure(msgspec.Struct, frozen=True):
    """An answer that is none; a coin that is unknown has only ``error``."""

    status: Trouble | None = None
    error: str | None = None


class MarketRow(msgspec.Struct, frozen=True):
    """One coin in one quote currency; a coin that nobody trades has no price."""

    id: str
    symbol: str = ""
    name: str = ""
    current_price: wire.Price | None = None
    high_24h: wire.Price | None = None
    low_24h: wire.Price | None = None
    total_volume: wire.OrZero | None = None
    market_cap_rank: Annotated[int, msgspec.Meta(gt=0)] | None = None
    last_updated: str | None = None


class CoinRow(msgspec.Struct, frozen=True):
    """One of all the coins."""

    id: str
    symbol: str
    name: str = ""


class RateRow(msgspec.Struct, frozen=True):
    """What a bitcoin costs in a unit."""

    value: wire.Price
    name: str = ""
    type: str = ""


class RatesAnswer(msgspec.Struct, frozen=True):
    """All units, by their codes in lower case."""

    rates: dict[str, RateRow]


_rows = msgspec.json.Decoder(list[msgspec.Raw])
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_failure = msgspec.json.Decoder(Failure)
_market = msgspec.json.Decoder(MarketRow)
_coin = msgspec.json.Decoder(CoinRow)
_rates = msgspec.json.Decoder(RatesAnswer)
_price = msgspec.json.Decoder(wire.Price)
_volume = msgspec.json.Decoder(wire.OrZero | None)
_seconds = msgspec.json.Decoder(Seconds)
_candle = msgspec.json.Decoder(
    tuple[wire.Milliseconds, wire.Price, wire.Price, wire.Price, wire.Price]
)


def covers(instrument: Instrument) -> bool:
    """Tell whether it can be asked for: money in money, or what may be a coin in a quote unit."""
    if instrument.base in MONEY:
        return is_money(instrument)
    return instrument.quote_currency in QUOTED_IN


def symbol(instrument: Instrument) -> str:
    """Return the id of the coin, or the codes of the money."""
    if is_money(instrument):
        return f"{instrument.base}/{instrument.quote_currency}".lower()
    return COINS.get(instrument.base, instrument.base.lower())


def sign(request: HttpRequest, keys: Mapping[str, str]) -> HttpRequest:
    """Add the key, of the paid plan to its own host, of the free one to the public host."""
    if pro_key := keys.get("pro_key"):
        headers = (*request.headers, ("x-cg-pro-api-key", pro_key))
        return msgspec.structs.replace(request, headers=headers, host="pro")
    if key := keys.get("key"):
        headers = (*request.headers, ("x-cg-demo-api-key", key))
        return msgspec.structs.replace(request, headers=headers)
    return request


class CoinGeckoPoller(Poller):
    """Asks for all coins of one quote currency at once, for rates, and what codes stand for."""

    def __init__(self, wanted: Sequence[Instrument] | None = None) -> None:
        super().__init__(wanted)
        bases = dict.fromkeys(one.base for one in self.wanted or () if one.base not in MONEY)
        self._ids = {base: COINS[base] for base in bases if base in COINS}
        self._bases = {coin: base for base, coin in COINS.items()}
        self._unknown = {base for base in bases if base not in COINS}
        self._candidates: dict[str, list[str]] = {}

    def wishes(self) -> Sequence[Wish]:
        """See `Poller.wishes`."""
        wishes = [*self._market_wishes()]
        if any(is_money(one) for one in self.wanted or ()):
            rates = HttpRequest("/exchange_rates", about=("rates", None))
            wishes.append(Wish(request=rates, every_s=RATES_EVERY_S, importance=3.0))
        if self._unknown:
            coins = HttpRequest("/coins/list", about=("coins", None))
            wishes.append(Wish(request=coins, every_s=LIST_EVERY_S, importance=0.5))
        candidates = sorted({coin for coins in self._candidates.values() for coin in coins})
        wishes += [
            Wish(request=_markets("usd", page, "ranks"), every_s=LIST_EVERY_S, importance=0.5)
            for page in _pages(candidates)
        ]
        return wishes

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Poller.answered`."""
        try:
            _check_failure(body)
            match request.about:
                case ("markets", _):
                    return self._summaries(request, body, received_ns)
                case ("rates", _):
                    return list(self._rate_summaries(_rates.decode(body).rates, received_ns))
                case ("prices", _):
                    return self._prices(body, received_ns)
                case ("ohlc", instrument):
                    return self._candles(instrument, body, received_ns)
                case ("coins", _):
                    self._learn_ids(_each(_rows.decode(body), lambda raw: [_coin.decode(raw)]))
                case ("ranks", _):
                    self._learn_ranks(_each(_rows.decode(body), lambda raw: [_market.decode(raw)]))
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error
        return ()

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Poller.recognise`; what the body does not say is USD, or taken from the hint."""
        text = _start(body)
        if text.startswith(b"[["):
            instrument = _instrument_of(hint)
            return HttpRequest("/coins/ohlc", about=("ohlc", instrument))
        if text.startswith(b"[{"):
            if b'"current_price"' in text:
                currency = hint.lower() if hint.upper() in QUOTED_IN else "usd"
                return _markets(currency, [], "markets")
            return HttpRequest("/coins/list", about=("coins", None))
        if text.startswith(b'{"rates"'):
            return HttpRequest("/exchange_rates", about=("rates", None))
        if text.partition(b":")[2].startswith(b"{") and not text.startswith(b'{"status"'):
            return HttpRequest("/simple/price", about=("prices", None))
        return HttpRequest("/", about=("other", None))

    def _market_wishes(self) -> Iterator[Wish]:
        for currency in dict.fromkeys(one.quote_currency for one in self.wanted or ()):
            coins = [
                self._ids[one.base]
                for one in self.wanted or ()
                if one.quote_currency == currency and one.base in self._ids
            ]
            for page in _pages(coins):
                request = _markets(currency.lower(), page, "markets")
                yield Wish(request=request, every_s=MARKETS_EVERY_S)

    def _summaries(self, request: HttpRequest, body: bytes, received_ns: int) -> list[Summary]:
        currency = wire.route_of(request.path)[1]["vs_currency"].upper()

        def read(raw: msgspec.Raw) -> Iterator[Summary]:
            row = _market.decode(raw)
            if row.current_price is not None and row.id in self._bases:
                instrument = Instrument(self._bases[row.id], currency)
                if self.wants(instrument):
                    yield self._summary(row, row.current_price, instrument, received_ns)

        return _each(_rows.decode(body), read)

    def _summary(
        self, row: MarketRow, last: float, instrument: Instrument, received_ns: int
    ) -> Summary:
        return Summary(
            venue=NAME,
            instrument=instrument,
            symbol=row.id,
            name=row.name,
            last=last,
            high=row.high_24h,
            low=row.low_24h,
            volume=_in_base(row.total_volume, last),
            event_ns=received_ns if not row.last_updated else wire.ns_of_rfc3339(row.last_updated),
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _rate_summaries(self, rates: Mapping[str, RateRow], received_ns: int) -> Iterator[Summary]:
        pairs = self.wanted
        if pairs is None:  # what everybody asks of money is what a dollar costs
            pairs = tuple(Instrument("USD", code.upper()) for code in rates)
        for pair in pairs:
            base, quote = (rates.get(code.lower()) for code in (pair.base, pair.quote_currency))
            if base is None or quote is None or base is quote or not is_money(pair):
                continue
            last = quote.value / base.value
            if not 0.0 < last < wire.LARGEST:
                continue
            yield Summary(
                venue=NAME,
                instrument=pair,
                symbol=symbol(pair),
                name=f"{base.name} in {quote.name}",
                last=last,
                event_ns=received_ns,  # the answer carries no time
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )

    def _prices(self, body: bytes, received_ns: int) -> list[Summary]:
        def read(coin: tuple[str, msgspec.Raw]) -> Iterator[Summary]:
            fields = _fields.decode(coin[1])
            at = fields.get("last_updated_at")
            event_ns = received_ns if at is None else _seconds.decode(at) * SECOND_NS
            for code in fields:
                instrument = Instrument(self._bases.get(coin[0], ""), code.upper())
                if code.upper() in QUOTED_IN and instrument.base and self.wants(instrument):
                    last = _price.decode(fields[code])
                    volume = _volume.decode(fields.get(f"{code}_24h_vol", b"null"))
                    yield Summary(
                        venue=NAME,
                        instrument=instrument,
                        symbol=coin[0],
                        last=last,
                        volume=_in_base(volume, last),
                        event_ns=event_ns,
                        received_ns=received_ns,
                        sequence=self.number(received_ns),
                    )

        return _each(_fields.decode(body).items(), read)

    def _candles(self, instrument: Instrument | None, body: bytes, received_ns: int) -> list[Event]:
        """Read rows of four hours; the other lengths that the service gives are none of ours."""
        rows = sorted(_each(_rows.decode(body), lambda raw: [_candle.decode(raw)]))
        length_ns = min((b[0] - a[0] for a, b in pairwise(rows)), default=0) * wire.MS
        names = [name for name, length in INTERVALS.items() if length == length_ns]
        if instrument is None or not names:
            return []
        return [
            VenueCandle(
                venue=NAME,
                instrument=instrument,
                interval=names[0],
                start_ns=closed * wire.MS - length_ns,
                open=opening,
                high=high,
                low=low,
                close=close,
                volume=0.0,  # not told
                closed=closed * wire.MS <= received_ns,
                event_ns=closed * wire.MS,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
            for closed, opening, high, low, close in rows
            if closed * wire.MS % length_ns == 0 and low <= min(opening, close, high)
        ]

    def _learn_ids(self, coins: Iterable[CoinRow]) -> None:
        """Find the coins of the codes that are in no table; several need a rank to tell."""
        found: dict[str, list[str]] = {base: [] for base in self._unknown}
        for coin in coins:
            if coin.symbol.upper() in found:
                found[coin.symbol.upper()].append(coin.id)
        for base in self._unknown:
            self._forget(base)
        self._candidates = {base: ids for base, ids in found.items() if len(ids) > 1}
        for base, ids in found.items():
            if len(ids) == 1:
                self._take(base, ids[0])
        self._note()

    def _learn_ranks(self, rows: Iterable[MarketRow]) -> None:
        ranks = {row.id: row.market_cap_rank for row in rows if row.market_cap_rank is not None}
        for base, ids in list(self._candidates.items()):
            ranked = sorted((rank, coin) for coin in ids if (rank := ranks.get(coin)) is not None)
            if ranked:
                self._forget(base)
                self._take(base, ranked[0][1])
        self._note()

    def _take(self, base: str, coin: str) -> None:
        self._ids[base] = coin
        self._bases[coin] = base

    def _forget(self, base: str) -> None:
        if coin := self._ids.pop(base, ""):
            self._bases.pop(coin, None)

    def _note(self) -> None:
        """Tell what was taken for what, so that no coin is followed that nobody meant."""
        taken = [f"{base} is {self._ids[base]}" for base in sorted(self._unknown & set(self._ids))]
        left_out = [
            f"{base} is left out: {len(self._candidates.get(base, ()))} coins have that code"
            for base in sorted(self._unknown - set(self._ids))
        ]
        self.note = "; ".join([*taken, *left_out])


def _each(rows: Iterable[Row], read: Callable[[Row], Iterable[Value]]) -> list[Value]:
    """Read row by row; one that cannot be read does not cost the others."""
    values: list[Value] = []
    bad: list[Exception] = []
    for row in rows:
        try:
            values += read(row)
        except wire.UNREADABLE as error:
            bad.append(error)
    if bad and not values:
        raise bad[0]
    return values


def _in_base(volume: float | None, last: float) -> float | None:
    """Turn a volume in the quote currency into one in the base currency."""
    size = None if volume is None else volume / last
    return size if size is None or size < wire.LARGEST else None


def _start(body: bytes) -> bytes:
    """Return how a body begins, without white space, as its shape is told by."""
    return b"".join(body[:4_096].split())


def _check_failure(body: bytes) -> None:
    if not _start(body).startswith((b'{"status"', b'{"error"')):
        return
    failure = _failure.decode(body)
    trouble = failure.status or Trouble(error_message=failure.error or "no reason given")
    text = f"{NAME}: {trouble.error_message} (code {trouble.error_code})"
    if trouble.error_code in NOT_NOW:
        raise VenueBusyError(text, wait_s=BUSY_S)
    raise VenueRefusedError(text)


def _markets(currency: str, coins: Sequence[str], what: str) -> HttpRequest:
    query = {"vs_currency": currency, "ids": ",".join(coins), "per_page": IDS_AT_MOST, "page": 1}
    return HttpRequest(f"/coins/markets?{urlencode(query)}", about=(what, None))


def _pages(coins: Sequence[str]) -> Iterator[Sequence[str]]:
    ids = list(dict.fromkeys(coins))
    return (ids[start : start + IDS_AT_MOST] for start in range(0, len(ids), IDS_AT_MOST))


def _instrument_of(hint: str) -> Instrument | None:
    with suppress(ValueError):
        return Instrument.parse(hint)
    by_id = {coin: base for base, coin in COINS.items()}
    return Instrument(by_id[hint.lower()], "USD") if hint.lower() in by_id else None


# The service's side of the wire, written from the same documents, sharing no type with ours so that
# the two cannot agree on one mistake.


def answer(path: str, market: Market) -> bytes:
    """Play CoinGecko's REST interface: coins, markets, simple prices and exchange rates.

    Raises:
        LookupError: it does not serve ``path``.

    """
    route, query = wire.route_of(path)
    match route:
        case "/ping":
            return b'{"gecko_says":"(V3) To the Moon!"}'
        case "/coins/list":
            coins = {row.symbol: row.instrument.base for row in market.listings}
            names = [(coin, base.lower(), coin.title()) for coin, base in coins.items()]
            fields = ("id", "symbol", "name")
            return msgspec.json.encode([dict(zip(fields, row, strict=True)) for row in names])
        case "/coins/markets":
            rows = _asked_for(query.get("ids", ""), query["vs_currency"], market)
            return msgspec.json.encode([_market_fields(row, market) for row in rows])
        case "/simple/price":
            return msgspec.json.encode(_simple_fields(query, market))
        case "/exchange_rates":
            return msgspec.json.encode({"rates": _rate_fields(market)})
    raise LookupError(f"coingecko does not serve {path}")


def _asked_for(ids: str, currency: str, market: Market) -> list[Listing]:
    coins = set(ids.split(",")) if ids else None
    return [
        row
        for row in market.listings
        if row.instrument.quote_currency == currency.upper()
        and not is_money(row.instrument)
        and (coins is None or row.symbol in coins)
    ]


def _last(instrument: Instrument, market: Market) -> float:
    if summary := market.summary(instrument):
        return summary.last
    book = market.book(instrument)
    return (book.bids[0].price + book.asks[0].price) / 2.0


def _market_fields(row: Listing, market: Market) -> dict[str, object]:
    last, summary = _last(row.instrument, market), market.summary(row.instrument)
    at_ns = market.book(row.instrument).event_ns if summary is None else summary.event_ns
    volume = 0.0 if summary is None else summary.volume or 0.0
    return {
        "id": row.symbol,
        "symbol": row.instrument.base.lower(),
        "name": row.symbol.replace("-", " ").title(),
        "current_price": last,
        "market_cap_rank": 1 + [one.symbol for one in market.listings].index(row.symbol),
        "total_volume": volume * last,
        "high_24h": last if summary is None else summary.high,
        "low_24h": last if summary is None else summary.low,
        "last_updated": f"{wire.rfc3339_of_ns(at_ns)[:-4]}Z",
    }


def _simple_fields(query: Mapping[str, str], market: Market) -> dict[str, dict[str, float]]:
    coins: dict[str, dict[str, float]] = {}
    for currency in query["vs_currencies"].split(","):
        for row in _asked_for(query["ids"], currency, market):
            coins.setdefault(row.symbol, {})[currency] = _last(row.instrument, market)
    return coins


def _rate_fields(market: Market) -> dict[str, dict[str, object]]:
    """Count in bitcoin, as the service does; what a dollar costs is told by its own markets."""
    dollars = 65_000.0
    rates = {"usd": dollars}
    for row in market.listings:
        if is_money(row.instrument) and row.instrument.base == "USD":
            rates[row.instrument.quote_currency.lower()] = dollars * _last(row.instrument, market)
    money = {code: _unit(code.upper(), value, "fiat") for code, value in rates.items()}
    return {"btc": _unit("Bitcoin", 1.0, "crypto"), **money}


def _unit(name: str, value: float, kind: str) -> dict[str, object]:
    return {"name": name, "unit": name, "value": value, "type": kind}


VENUE = PolledVenue(
    name=NAME,
    rest_url="https://api.coingecko.com/api/v3",
    other_rest_urls={"pro": "https://pro-api.coingecko.com/api/v3"},
    poller=CoinGeckoPoller,
    covers=covers,
    sign=sign,
    answer=answer,
    # The free plan has 10,000 calls a month; without a key some ten a minute are answered.
    budget=Allowance(a_day=320, a_minute=10, interval_s=6.0, burst=5),
    credentials=("key", "pro_key"),
    credentials_optional=True,
    symbol=symbol,
    quote_currencies=tuple(sorted(QUOTED_IN)),
)
