"""Random states of a few markets, as files have them: prices lie close, so that some routes pay."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

VENUES = {"binance": "0.001", "kraken": "0.0026", "upbit": "0"}
CENTS = {"USDT": 100, "KRW": 1, "BTC": 5_000, "XRP": 50}
"""What an asset is worth, in cents."""

MARKETS = [("BTC", "USDT"), ("XRP", "USDT"), ("XRP", "BTC"), ("BTC", "KRW"), ("XRP", "KRW")]
NOW_MS = 1_700_000_000_000
AGES_MS = [*range(100, 2_100, 100), 2_101, 5_000, 5_001]


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """Return a state of up to eight markets at three venues."""
    places = draw(
        st.lists(
            st.tuples(st.sampled_from(list(VENUES)), st.sampled_from([*MARKETS, ("USDT", "KRW")])),
            min_size=4,
            max_size=9,
            unique=True,
        )
    )
    mode = draw(st.sampled_from(["inventory", "transfer"]))
    return {
        "now_ms": NOW_MS,
        "config": {
            "mode": mode,
            "max_legs": draw(st.integers(2, 7)),
            "max_age_ms": 5_000,
            "max_skew_ms": 2_000,
            "max_return": draw(st.sampled_from(["0.10", "0.02"])),
            "max_capital_usd": draw(st.sampled_from([None, None, "20", "500"])),
            "min_return": draw(st.sampled_from(["0", "0", "0.004"])),
            "min_profit_usd": draw(st.sampled_from(["0", "0", "0.5"])),
        },
        "venues": {venue: {"taker_fee": fee} for venue, fee in VENUES.items()},
        "usd": {asset: str(cents / 100) for asset, cents in CENTS.items()},
        "books": [draw(_books(venue, *market)) for venue, market in places],
        "transfers": draw(_transfers()) if mode == "transfer" else [],
    }


@st.composite
def _books(draw: st.DrawFn, venue: str, base: str, quote: str) -> dict[str, Any]:
    off = draw(st.sampled_from([*range(-48, 49, 6)]))
    best = draw(st.integers(1, 9))
    book = {
        "venue": venue,
        "base": base,
        "quote": quote,
        "bids": [draw(_levels(base, quote, off - best - 4 * i)) for i in range(draw(_depths()))],
        "asks": [draw(_levels(base, quote, off + best + 4 * i)) for i in range(draw(_depths()))],
        "ts_ms": NOW_MS - draw(st.sampled_from(AGES_MS)),
    }
    if draw(st.integers(0, 15)) == 15:
        book["seq_ok"] = False
    if draw(st.integers(0, 3)) == 3:
        book["min_notional"] = str(draw(st.integers(1, 90)) * 10 / CENTS[quote])
    if draw(st.integers(0, 3)) == 3:
        book["lot"] = str(draw(st.integers(1, 30)) / CENTS[base])
    return book


def _levels(base: str, quote: str, per_mille: int) -> st.SearchStrategy[list[str]]:
    price = CENTS[base] / CENTS[quote] * (1 + per_mille / 1_000)
    return st.integers(1, 400).map(
        lambda size: [f"{price:.9g}", f"{size % 390 * 10 / CENTS[base]:.9g}"]
    )


def _depths() -> st.SearchStrategy[int]:
    return st.sampled_from([2, 3, 3, 3, 2, 1, 1, 0])


def _transfers() -> st.SearchStrategy[list[dict[str, Any]]]:
    ways = [
        _transfer(asset, source, target)
        for asset in CENTS
        for source in VENUES
        for target in VENUES
        if source != target
    ]
    return st.tuples(*ways).map(list)


def _transfer(asset: str, source: str, target: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda fee, least, is_open: {
            "asset": asset,
            "from": source,
            "to": target,
            "fee": str(fee / CENTS[asset]),
            "open": is_open,
            "min": str(least / CENTS[asset]),
        },
        st.sampled_from([0, 10, 100]),
        st.sampled_from([0, 0, 500, 3_000]),
        st.sampled_from([True, True, True, False]),
    )
