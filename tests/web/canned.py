"""What a page is told in tests: say what matters, the rest is plausible."""

from datetime import UTC, datetime, timedelta

from tests.web.fake_api import Item, now_text


def a_route(  # noqa: PLR0913  # one argument a field that tests vary, all with defaults
    asset: str = "XRP",
    buy: str = "kraken",
    sell: str = "upbit",
    *,
    net_bps: float = 106.1,
    age_ms: float = 182.0,
    why_not: tuple[str, ...] = ("transfer_unknown",),
    currencies: tuple[str, str] = ("USDT", "USDT"),
    prices: tuple[str, str] = ("0.5231", "0.5312"),
) -> Item:
    fees = 31.0
    bought, sold = currencies
    return {
        "id": f"{asset}:{buy}.{bought}>{sell}.{sold}",
        "asset": asset,
        "kind": "direct" if bought == sold else "fx",
        "buy": {"venue": buy, "symbol": f"{asset}-{bought}", "price": prices[0]}
        | {"fee_bps": 26.0, "sequence": "1"},
        "sell": {"venue": sell, "symbol": f"{asset}-{sold}", "price": prices[1]}
        | {"fee_bps": 5.0, "sequence": "1"},
        "rate": None if bought == sold else {"value": "0.000725", "source": "upbit:USDT-KRW"},
        "gross_bps": net_bps + fees,
        "net_bps": net_bps,
        "size": "1234.5",
        "profit": f"{net_bps / 10:.4f}",
        "currency": bought,
        "age_ms": age_ms,
        "skew_ms": 72.0,
        "open_s": 41.3 if net_bps > 0 else 0.0,
        "takeable": not why_not,
        "why_not": list(why_not),
    }


def a_quote(
    venue: str = "kraken",
    symbol: str = "BTC-USDT",
    *,
    bid: str = "67010.5",
    ask: str = "67012.0",
    stale_reason: str | None = None,
    age_ms: float = 40.0,
) -> Item:
    base, _, currency = symbol.partition("-")
    return {
        "venue": venue,
        "symbol": symbol,
        "base": base,
        "quote_currency": currency,
        "bid": bid,
        "bid_size": "0.42",
        "ask": ask,
        "ask_size": "1.5",
        "ts": now_text(),
        "recv_ts": now_text(),
        "age_ms": age_ms,
        "stale": stale_reason is not None,
        "stale_reason": stale_reason,
        "sequence": "1",
    }


def a_venue(
    name: str = "kraken",
    state: str = "live",
    *,
    reason: str = "",
    troubled: tuple[tuple[str, str, str], ...] = (),
) -> Item:
    """Return how a venue does; ``troubled`` are symbols, each with its state and reason."""
    venue = {
        "venue": name,
        "state": state,
        "reason": reason,
        "instruments": 12,
        "frames": 1000,
        "events": 1000,
        "refused": 0,
        "reconnects": 0,
        "events_per_s": 48.0,
        "resyncs": 3,
        "backfilled": 1041,
        "gaps": 2,
        "latency_ms": 63.0,
        "clock_offset_ms": -12.0,
        "clock_error_ms": 4.0,
        "age_ms": 12_000.0,
        "not_live": len(troubled),
        "troubled": [
            {"symbol": symbol, "state": its, "reason": why, "since": now_text()}
            for symbol, its, why in troubled
        ],
    }
    return {"subject": f"venue:{name}", "venue": venue}


def a_gap(
    venue: str = "binance",
    symbol: str = "BTC-USDT",
    *,
    minutes_ago: float = 5,
    minutes: float = 2,
    missing: int | None = 7,
) -> Item:
    """Return a gap in the trades of a market that began so many minutes ago."""
    start = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    end = start + timedelta(minutes=minutes)
    return {
        "venue": venue,
        "symbol": symbol,
        "channel": "trade",
        "start": start.isoformat().replace("+00:00", "Z"),
        "end": end.isoformat().replace("+00:00", "Z"),
        "reason": "connection lost",
        "missing": missing,
    }


def a_candle(minutes_ago: int, *, close: str = "67050", closed: bool = True) -> Item:
    """Return the candle of binance BTC-USDT that started so many whole minutes ago."""
    this_minute = datetime.now(UTC).replace(second=0, microsecond=0)
    start = this_minute - timedelta(minutes=minutes_ago)
    up = minutes_ago % 2 == 0
    return {
        "venue": "binance",
        "symbol": "BTC-USDT",
        "interval": "1m",
        "start": start.isoformat().replace("+00:00", "Z"),
        "open": "67000" if up else "67100",
        "high": "67150.5",
        "low": "66950",
        "close": close,
        "volume": "3.25",
        "trades": 17,
        "closed": closed,
    }
