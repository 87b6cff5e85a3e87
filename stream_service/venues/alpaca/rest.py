"""Alpaca over REST: the listing, how it is asked, what its answers are known by.

Source: https://docs.alpaca.markets/reference/stocktrades-1, .../cryptotrades-1 and their
neighbours, .../get-v2-assets-1
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import urlencode

import msgspec

from market import (
    FrameError,
    Instrument,
    Listing,
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.codes import may_be_stock
from stream_service.rows import readable
from stream_service.venue import (
    HttpRequest,
    ListingRequests,
    Venue,
)
from stream_service.venues.alpaca import frames
from stream_service.venues.alpaca.names import NAME, instrument

CRYPTO_REST = "/v1beta3/crypto/us"
STOCK_REST = "/v2/stocks"
MINUTE_NS = INTERVALS["1m"]
LIVE_KEYS = "AK"
"""Keys of live accounts begin like this, those of paper accounts with PK."""


def list_instruments(venue: Venue) -> ListingRequests:
    """Ask for every active asset; a stock that is called like a coin is left out."""
    listings: dict[Instrument, Listing] = {}
    for kind in ("crypto", "us_equity"):
        query = urlencode({"status": "active", "asset_class": kind})
        body = yield HttpRequest(
            f"/v2/assets?{query}", headers=_headers(venue.keys), host=_host(venue.keys)
        )
        for listing in _listings(body):
            if kind == "crypto" or may_be_stock(listing.instrument):
                listings.setdefault(listing.instrument, listing)
    return list(listings.values())


def request_of(
    keys: Mapping[str, str],
    names: Sequence[str],
    what: str,
    about: tuple[str, Instrument | None],
    **query: object,
) -> HttpRequest:
    """Ask for something of symbols that are of one feed."""
    query = {"symbols": ",".join(names), **query}
    if "/" in names[0]:
        path = f"{CRYPTO_REST}/{what}"
    else:
        path, query["feed"] = f"{STOCK_REST}/{what}", "iex"
    return HttpRequest(f"{path}?{urlencode(query)}", about, headers=_headers(keys))


def recognised(body: bytes) -> HttpRequest | None:
    """Tell which request a body answers, by its shape; None: it is a frame, or not known."""
    if body.startswith(b'[{"T"'):
        return None
    try:
        if body.lstrip().startswith(b"["):
            return _assets(frames.raw_rows.decode(body))
        return _answer(frames.by.decode(body))
    except wire.UNREADABLE:
        return None


def oldest_first(rows: Sequence[frames.Dated]) -> list[frames.Dated]:
    """Sort by time; rows whose time cannot be read are left out.

    Raises:
        ValueError: no time can be read.

    """
    dated: list[tuple[int, int, frames.Dated]] = []
    fault: ValueError | None = None
    for row in rows:
        try:
            utc = msgspec.structs.replace(row, time=_in_utc(row.time))
            dated.append((wire.ns_of_rfc3339(utc.time), getattr(row, "id", 0), utc))
        except ValueError as error:
            fault = error
    if rows and not dated:
        raise ValueError(f"no row has a time: {fault}") from fault
    return [row for _, _, row in sorted(dated, key=lambda one: one[:2])]


def _in_utc(text: str) -> str:
    """Rewrite a time that has the offset of New York instead of a Z, as some of REST's have."""
    if text[-1:] == "Z":
        return text
    second, _, fraction = text[:-6].partition(".")
    time = datetime.fromisoformat(second + text[-6:])
    if time.tzinfo is None:
        raise ValueError(f"the time {text[:40]!r} names no zone")
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{fraction or 0}Z"


def interval_of(starts: Sequence[int]) -> str | None:
    """Tell the interval of bars that nobody names: the newest alone is a minute."""
    steps = {later - sooner for sooner, later in pairwise(starts)} or {MINUTE_NS}
    lengths = {length: name for name, length in INTERVALS.items()}
    shortest = min(steps)
    is_on_grid = shortest > 0 and not any(start % shortest for start in starts)
    return lengths.get(shortest) if is_on_grid else None


def _headers(keys: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    names = {"key": "APCA-API-KEY-ID", "secret": "APCA-API-SECRET-KEY"}
    return tuple((header, keys[name]) for name, header in names.items() if name in keys)


def _host(keys: Mapping[str, str]) -> str:
    """Tell which host knows the account: those of paper and of live ones know only their own."""
    return "live" if keys.get("key", "").startswith(LIVE_KEYS) else "paper"


def _listings(body: bytes) -> Iterator[Listing]:
    try:
        rows = readable(frames.raw_rows.decode(body), frames.asset_row)
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error
    for row in rows:
        try:
            of = instrument(row.symbol)
        except ValueError:
            continue
        yield Listing(
            instrument=of,
            symbol=row.symbol,
            name=row.name,
            trading=row.tradable and row.status == "active",
            tick_size=row.price_increment or None,
            lot_size=row.min_trade_increment or None,
        )


ANSWERS = {
    "trades": "trades",
    "bars": "bars",
    "quotes": "quotes",
    "orderbooks": "books",
    "snapshots": "snapshots",
}


def _answer(fields: frames.By) -> HttpRequest | None:
    for key, word in ANSWERS.items():
        if key in fields:
            inner = frames.by_or_none.decode(fields[key]) or {}
            path = STOCK_REST if "/" not in next(iter(inner), "/") else CRYPTO_REST
            return HttpRequest(f"{path}/{key}", (word, None))
    if fields and all(b'"dailyBar"' in bytes(raw) for raw in fields.values()):
        return HttpRequest(f"{STOCK_REST}/snapshots", ("snapshots", None))
    return None


def _assets(rows: Sequence[msgspec.Raw]) -> HttpRequest | None:
    if not rows:
        return None
    kind = frames.asset_row.decode(rows[0]).kind
    return HttpRequest(f"/v2/assets?asset_class={kind}", ("instruments", None), host="paper")
