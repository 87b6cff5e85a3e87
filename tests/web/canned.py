"""What a page is told in tests: say what matters, the rest is plausible."""

from datetime import UTC, datetime, timedelta

from tests.web.fake_api import Item, now_text


def id_of(asset: str, buy: str, sell: str, currencies: tuple[str, str] = ("USDT", "USDT")) -> str:
    """Return the id of a route that buys at one venue and sells at another."""
    bought, sold = currencies
    way = f"{buy}:{bought}>{buy}:{asset}>{sell}:{asset}>{sell}:{sold}"
    return f"{'I' if bought == sold else 'C'}|{way}"


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
    direct = bought == sold
    returned = net_bps - 7.1
    profit = f"{returned / 10:.4f}"
    return {
        "id": id_of(asset, buy, sell, currencies),
        "asset": asset,
        "kind": "direct" if direct else "fx",
        "mode": "inventory" if direct else "comparison",
        "start": bought,
        "buy": {"venue": buy, "symbol": f"{asset}-{bought}", "price": prices[0]}
        | {"fee_bps": 26.0, "sequence": "1"},
        "sell": {"venue": sell, "symbol": f"{asset}-{sold}", "price": prices[1]}
        | {"fee_bps": 5.0, "sequence": "1"},
        "rate": {"value": "1", "source": "", "age_ms": 0.0}
        if direct
        else {"value": "0.000725", "source": "upbit:USDT-KRW", "age_ms": 400.0},
        "gross_bps": net_bps + fees,
        "net_bps": net_bps,
        "size": "1234.5",
        "amount_in": "1000",
        "amount_out": f"{1000 + returned / 10:.4f}",
        "profit": profit,
        "currency": bought,
        "profit_usd": float(profit),
        "return_bps": returned,
        "limited_by": "depth:2",
        "fees_usd": 3.1,
        "transfer_minutes": None,
        "transfer_risk_bps": None,
        "age_ms": age_ms,
        "skew_ms": 72.0,
        "open_s": 41.3 if net_bps > 0 else 0.0,
        "peak_net_bps": net_bps + 12.5,
        "peak_profit_usd": float(profit) + 1.25,
        "times_seen": 17,
        "takeable": not why_not,
        "why_not": list(why_not),
        "legs": [
            a_leg("buy", buy, bought, asset, prices[0], fee=("3.2097", asset)),
            a_leg("move", buy, asset, asset, None, to_venue=sell, fee=None),
            a_leg("sell", sell, asset, sold, prices[1], fee=("0.5051", sold)),
            *([] if direct else [a_leg("convert", "", sold, bought, None)]),
        ],
        "curve": [
            [str(125 * n), f"{part * returned / 10:.4f}"]
            for n, part in enumerate((0, 0.2, 0.38, 0.55, 0.69, 0.81, 0.91, 0.98, 1.0, 0.95, 0.8))
        ],
        "receipt": [
            {"what": "gross", "venue": "", "bps": net_bps + fees},
            {"what": "fee", "venue": buy, "bps": -26.0},
            {"what": "fee", "venue": sell, "bps": -5.0},
            {"what": "compounding", "venue": "", "bps": 0.0},
            {"what": "net", "venue": "", "bps": net_bps},
            {"what": "transfer", "venue": buy, "bps": None},
            {"what": "depth", "venue": "", "bps": -7.1},
            {"what": "return", "venue": "", "bps": returned},
        ],
    }


def a_leg(  # noqa: PLR0913  # as a_route
    kind: str,
    venue: str,
    source: str,
    target: str,
    price: str | None,
    *,
    to_venue: str = "",
    fee: tuple[str, str] | None = None,
) -> Item:
    """Return a step of a route."""
    pair = {"buy": f"{target}-{source}", "sell": f"{source}-{target}"}
    is_trade = kind in pair
    return {
        "kind": kind,
        "venue": venue,
        "to_venue": to_venue,
        "source": source,
        "target": target,
        "symbol": pair.get(kind),
        "price": price,
        "average_price": price,
        "worst_price": price,
        "levels": 3 if is_trade else 0,
        "amount_in": "1000",
        "amount_out": "1234.5",
        "fee": fee[0] if fee else None,
        "fee_currency": fee[1] if fee else source,
        "fee_bps": 5.0 if is_trade else None,
        "minutes": None,
        "ts": now_text() if is_trade else None,
        "recv_ts": now_text() if is_trade else None,
        "age_ms": 182.0 if is_trade else None,
        "sequence": "1" if is_trade else None,
    }


def a_premium(
    asset: str = "BTC",
    reference: str = "binance",
    *,
    basis: str = "stable",
    premium_bps: float = 219.0,
    stale: bool = False,
) -> Item:
    """Return how much dearer an asset is at upbit in won."""
    source, age_ms = ("upbit:USDT-KRW", 400.0)
    if basis == "bank":
        source, age_ms = ("alpha_vantage:USD-KRW", 180_000.0)
    return {
        "asset": asset,
        "venue": "upbit",
        "symbol": f"{asset}-KRW",
        "reference_venue": reference,
        "reference_symbol": f"{asset}-USDT",
        "basis": basis,
        "premium_bps": premium_bps,
        "rate": "1383.7",
        "rate_source": source,
        "rate_age_ms": age_ms,
        "age_ms": 120.0,
        "ts": now_text(),
        "stale": stale,
    }


def an_advice(
    minutes_ago: int = 1,
    *,
    venue: str = "binance",
    symbol: str = "BTC-USDT",
    strategy: str = "sma-cross",
    side: str = "buy",
) -> Item:
    """Return a signal that was decided on the candle of so many minutes ago."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
    end = start + timedelta(minutes=1)
    return {
        "venue": venue,
        "symbol": symbol,
        "strategy": strategy,
        "parameters": "fast=10 slow=30",
        "interval": "1m",
        "start": start.isoformat().replace("+00:00", "Z"),
        "ts": end.isoformat().replace("+00:00", "Z"),
        "side": side,
        "target": 1.0 if side == "buy" else 0.0,
        "price": "67020.5",
        "reason": "the fast mean is above the slow one",
        "values": {"fast": 67011.123456, "slow": 66990.0},
        "corrected": side == "hold",
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
    polled: bool = False,
) -> Item:
    """Return how a venue does; ``troubled`` are symbols, each with its state and reason."""
    venue = {
        "venue": name,
        "state": state,
        "reason": reason,
        "polled": polled,
        "lasts_s": 86_400.0 if polled else 15.0,
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
