"""Alpha Vantage's recorded answers, against a plain reading of the same JSON."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market import Event, Quote, Summary, VenueBusyError, VenueCandle
from stream_service.venues.alpha_vantage import AlphaVantagePoller
from tests.venues.polled_cases import read

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / f"alpha_vantage/{name}.jsonl").read_bytes().splitlines()


def events(line: bytes) -> list[Event]:
    return read(AlphaVantagePoller(), line)


def ns_of(stamp: str, behind_h: int = 0) -> int:
    at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return (at + timedelta(hours=behind_h) - EPOCH) // timedelta(seconds=1) * 1_000_000_000


@pytest.mark.parametrize("name", ["web-CURRENCY_EXCHANGE_RATE", "avpy-CURRENCY_EXCHANGE_RATE_2017"])
def test_every_recorded_rate_is_a_quote_or_a_summary(name: str) -> None:
    for line in lines(name):
        (event,) = events(line)
        row = json.loads(line)["Realtime Currency Exchange Rate"]

        assert isinstance(event, Quote | Summary)
        assert event.instrument.base == row["1. From_Currency Code"]
        assert event.instrument.quote_currency == row["3. To_Currency Code"]
        assert event.event_ns == ns_of(row["6. Last Refreshed"])
        if isinstance(event, Quote):
            assert (event.bid, event.ask) == (
                float(row["8. Bid Price"]),
                float(row["9. Ask Price"]),
            )
        else:
            assert "8. Bid Price" not in row
            assert event.last == float(row["5. Exchange Rate"])


def test_the_recorded_price_of_a_share_is_a_summary() -> None:
    for line in lines("avpy-GLOBAL_QUOTE"):
        (summary,) = events(line)
        row = json.loads(line)["Global Quote"]

        assert isinstance(summary, Summary)
        assert summary.symbol == row["01. symbol"]
        assert (summary.last, summary.volume) == (float(row["05. price"]), float(row["06. volume"]))
        assert summary.event_ns == ns_of(f"{row['07. latest trading day']} 16:00:00", behind_h=4)


@pytest.mark.parametrize(
    ("name", "series", "interval", "behind_h"),
    [
        ("avpy-TIME_SERIES_INTRADAY_1min_trimmed", "Time Series (1min)", "1m", 5),  # in December
        ("web-FX_INTRADAY_5min_twoBars", "Time Series FX (5min)", "5m", 0),
        ("web-CRYPTO_INTRADAY_5min_oneBar", "Time Series Crypto (5min)", "5m", 0),
    ],
)
def test_every_recorded_candle_is_read(
    name: str, series: str, interval: str, behind_h: int
) -> None:
    for line in lines(name):
        rows: dict[str, Any] = json.loads(line)[series]

        told = [event for event in events(line) if isinstance(event, VenueCandle)]

        assert {candle.interval for candle in told} == {interval}
        assert [
            (one.start_ns, one.open, one.high, one.low, one.close, one.volume) for one in told
        ] == [
            (
                ns_of(stamp, behind_h),
                *(float(row[key]) for key in ("1. open", "2. high", "3. low", "4. close")),
                float(row.get("5. volume", 0)),
            )
            for stamp, row in sorted(rows.items())
        ]


@pytest.mark.parametrize(
    ("name", "is_short"), [("web-throttle_burst", True), ("web-throttle_daily", False)]
)
def test_recorded_limits_are_waited_for(name: str, *, is_short: bool) -> None:
    for line in lines(name):
        with pytest.raises(VenueBusyError) as busy:
            events(line)

        assert (busy.value.wait_s < 60.0) is is_short


def test_the_recorded_search_gives_no_event() -> None:
    for line in lines("avpy-SYMBOL_SEARCH"):
        assert events(line) == []


def test_every_recording_is_covered_here() -> None:
    names = {path.stem for path in (Path(FOLDER or "") / "alpha_vantage").glob("*.jsonl")}

    assert len(names) == 9
