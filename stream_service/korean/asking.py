"""What is asked of the venues of the protocol, and what they list."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from market import Event, FrameError, Instrument, Listing, Trade
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.korean.frames import MARKET_ROW, OBJECTS
from stream_service.korean.rows import readable
from stream_service.venue import HttpRequest

TRADES_A_PAGE: Final = 500
CANDLES_A_PAGE: Final = 200
PATHS: Final = {
    **{
        name: f"/v1/candles/minutes/{length_ns // INTERVALS['1m']}"
        for name, length_ns in INTERVALS.items()
        if name not in ("1s", "1d")
    },
    "1d": "/v1/candles/days",
}
"""Where candles of an interval are; a day is one of UTC."""

DAYS_KEPT: Final = 7
"""How long ago the trades are at most that the venues tell."""

DAY_NS: Final = 86_400 * 10**9
MINUTE_NS: Final = 60 * 10**9
NONE_YET: Final = ""
"""Stands for the first trade of a day that has had none."""


def code_of(instrument: Instrument) -> str:
    """Return the code of ``instrument``, the quote currency first."""
    return f"{instrument.quote_currency}-{instrument.base}"


def instrument_of(code: str) -> Instrument:
    """Read ``KRW-BTC``, or ``KRW-BTC.15``, which asks for fifteen levels.

    Raises:
        ValueError: it is not two codes joined by a dash.

    """
    quote_currency, dash, base = code.partition(".")[0].partition("-")
    if not (quote_currency.isalnum() and dash and base.isalnum()):
        raise ValueError(f"a code is written QUOTE-BASE, such as KRW-BTC, not {code[:40]!r}")
    return Instrument.of(base, quote_currency)


def listings_of(venue: str, body: bytes) -> list[Listing]:
    """Read the codes that a venue lists; a row that cannot be read is left out.

    Raises:
        FrameError: none can.

    """

    def listing(raw: msgspec.Raw) -> Listing:
        row = MARKET_ROW.decode(raw)
        return Listing(
            instrument=instrument_of(row.market),
            symbol=row.market,
            name=row.english_name,
            tick_size=row.tick_size,
        )

    try:
        return readable(body, listing)
    except wire.UNREADABLE as error:
        raise FrameError(venue, body, str(error)) from error


def request_of(body: bytes) -> HttpRequest | None:
    """Tell which request a recorded answer is to; None: it is none of the known ones."""
    if not body.lstrip().startswith(b"["):
        return None
    try:
        return _request_of(OBJECTS.decode(body)[0])
    except wire.UNREADABLE:
        return None


def subscription(codes: Sequence[str], kinds: Sequence[str]) -> bytes:
    """Write the one request that asks for all; a second one would replace it."""
    parts = [{"type": kind, "codes": codes} for kind in kinds]
    return msgspec.json.encode([{"ticket": "cryptotracker"}, *parts, {"format": "DEFAULT"}])


class Pages:
    """Asks for past trades and candles, a page each.

    Trades are paged backward by their numbers, within one day in UTC. A day before that of the
    request is named by how long ago it was, so who has come to the first trade of a day, or finds
    none in it yet, asks for the day before.

    Args:
        days_ago: The venue's word for that.

    """

    def __init__(self, days_ago: str) -> None:
        self._days_ago = days_ago
        self._now_ns = 0
        self._first_of_day: dict[Instrument, str] = {}

    def passed(self, now_ns: int) -> None:
        """Note the time."""
        self._now_ns = max(self._now_ns, now_ns)

    def trades(self, instrument: Instrument, before: Trade | None) -> HttpRequest | None:
        """Return what asks for the page before ``before``, the newest without; see `Session`."""
        first = self._first_of_day.get(instrument)
        query: dict[str, object] = {"market": code_of(instrument), "count": TRADES_A_PAGE}
        if before is None:
            ago = int(first == NONE_YET)
            if ago:
                del self._first_of_day[instrument]  # the next time it may have one
        else:
            is_first = before.trade_id == first
            ago = max(self._now_ns // DAY_NS - before.event_ns // DAY_NS, 0) + is_first
            if not is_first:
                query["cursor"] = before.sequence
        if ago > DAYS_KEPT:
            return None
        if ago:
            query[self._days_ago] = ago
        return HttpRequest(f"/v1/trades/ticks?{urlencode(query)}", ("trades", instrument))

    def came(self, request: HttpRequest, events: Sequence[Event]) -> None:
        """Note the answer that came: a short page of trades begins with the first of its day."""
        match request.about, events:
            case ("trades", Instrument() as instrument), [Trade() as first, *_]:
                if len(events) < TRADES_A_PAGE:
                    self._first_of_day[instrument] = first.trade_id
            case ("trades", Instrument() as instrument), []:
                query = wire.route_of(request.path)[1]
                if not query.keys() & {"cursor", self._days_ago}:
                    self._first_of_day[instrument] = NONE_YET

    def candles(
        self, instrument: Instrument, interval: str, *, start_ns: int, end_ns: int, to: str
    ) -> HttpRequest | None:
        """Return what asks for the candles before ``to``, which is how the venue writes it."""
        path = PATHS.get(interval)
        if path is None:
            return None
        count = -(-(end_ns - start_ns) // INTERVALS[interval]) + 1
        count = max(1, min(count, CANDLES_A_PAGE))
        query = urlencode({"market": code_of(instrument), "to": to, "count": count})
        return HttpRequest(f"{path}?{query}", ("candles", instrument))


def _request_of(row: Mapping[str, msgspec.Raw]) -> HttpRequest | None:
    market = msgspec.json.decode(row["market"], type=str)
    instrument, query = instrument_of(market), urlencode({"market": market})
    match row:
        case {"orderbook_units": _}:
            return HttpRequest("/v1/orderbook", ("books", None))
        case {"sequential_id": _}:
            return HttpRequest(f"/v1/trades/ticks?{query}", ("trades", instrument))
        case {"candle_date_time_utc": _}:
            return HttpRequest(f"{_candle_path(row)}?{query}", ("candles", instrument))
        case {"acc_trade_volume_24h": _}:
            return HttpRequest("/v1/ticker", ("summaries", None))
        case {"english_name": _} | {"tick_size": _}:
            return HttpRequest("/v1/market/all", ("instruments", None))
    return None


def _candle_path(row: Mapping[str, msgspec.Raw]) -> str:
    """Tell minutes by their unit, days and longer by what they add, seconds by nothing."""
    if "unit" in row:
        return f"/v1/candles/minutes/{msgspec.json.decode(row['unit'], type=int)}"
    is_long = row.keys() & {"prev_closing_price", "first_day_of_period"}
    return "/v1/candles/days" if is_long else "/v1/candles/seconds"
