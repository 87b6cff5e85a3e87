"""`cryptotracker decode`: frames in, events out, as they come."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cryptotracker.cli import app
from cryptotracker.known import known_venues
from market import Event, Quote, Summary, Trade
from stream_service.recording import FORMAT, Answer, Compressor, Connection, Frame, Start, written
from tests.cryptotracker.test_command_line import command, outcome
from tests.making import a_listing
from tests.processes import ROOT

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
HAVE_NO_SYMBOL = "an answer that does not name its symbol, and nothing beside it does"
NOT_READ = {
    "binance/jkorf-kline": "its time, 1, is made up",
    "binance/jkorf-rest_klines": HAVE_NO_SYMBOL,
    "binance/jkorf-rest_trades": HAVE_NO_SYMBOL,
    "binance/nautilus-rest_depth_docs": HAVE_NO_SYMBOL,
    "bitstamp/jkorf-rest_order_book": HAVE_NO_SYMBOL,
    "coinbase/cryptomsgparser-exchange_rest": HAVE_NO_SYMBOL,
    "coinbase/nautilus-rest_candles": HAVE_NO_SYMBOL,
    "okx/nautilus-rest_candles": HAVE_NO_SYMBOL,
}
"""Recorded files that hold frames which cannot be read, and why."""

QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"100.5","B":"2","a":"101",'
    b'"A":"3"}}'
)
TRADES = (
    b'[{"id":5,"price":"4.5","qty":"2","quoteQty":"9","time":1790000000000,"isBuyerMaker":true,'
    b'"isBestMatch":true}]'
)
RATE = (
    b'{"Realtime Currency Exchange Rate":{"1. From_Currency Code":"USD","2. From_Currency Name":'
    b'"United States Dollar","3. To_Currency Code":"KRW","4. To_Currency Name":"South Korean Won",'
    b'"5. Exchange Rate":"1390.5","6. Last Refreshed":"2026-09-21 10:00:00","7. Time Zone":"UTC",'
    b'"8. Bid Price":"1390.4","9. Ask Price":"1390.6"}}'
)
LISTING = (
    b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",'
    b'"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"}]}]}'
)
RECEIVED_NS = 1_790_000_000_123_456_789

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def events_of(out: str) -> list[Event]:
    return [_decoder.decode(line) for line in out.splitlines()]


def a_file(folder: Path, *lines: bytes) -> str:
    file = folder / "some-frames.jsonl"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(file)


def a_meta(folder: Path, *rows: str, head: str = "line\trecv_ts\tkey") -> Path:
    file = folder / "some-frames.meta.tsv"
    file.write_text("".join(f"{row}\n" for row in (head, *rows)), encoding="utf-8")
    return file


async def test_frames_become_events(tmp_path: Path) -> None:
    before_ns = time.time_ns()
    status, out, errors = await outcome(
        "decode", "Binance", a_file(tmp_path, QUOTE, b""), folder=tmp_path
    )

    [event] = events_of(out)
    assert (status, errors) == (0, "")
    assert isinstance(event, Quote)
    assert (str(event.instrument), event.bid, event.ask_size) == ("BTC-USDT", 100.5, 3.0)
    assert event.received_ns > before_ns


async def test_times_and_symbols_come_from_the_file_beside(tmp_path: Path) -> None:
    a_meta(tmp_path, f"1\t{RECEIVED_NS // 10**9}.123456789\t", "2\t\tETHUSDT")

    status, out, _ = await outcome(
        "decode", "binance", a_file(tmp_path, QUOTE, TRADES), folder=tmp_path
    )

    quote, trade = events_of(out)
    assert status == 0
    assert quote.received_ns == RECEIVED_NS
    assert isinstance(trade, Trade)
    assert str(trade.instrument) == "ETH-USDT"
    assert trade.backfilled


async def test_an_answer_without_a_symbol_is_told_one(tmp_path: Path) -> None:
    file = a_file(tmp_path, TRADES)

    refused = await outcome("decode", "binance", file, folder=tmp_path)
    status, out, _ = await outcome(
        "decode", "binance", file, "--symbol", "XRPUSDT", folder=tmp_path
    )

    assert refused[0] == 1
    assert "--symbol" in refused[2]
    assert status == 0
    assert '"base":"XRP"' in out


async def test_what_cannot_be_read_is_told_and_the_rest_is_printed(tmp_path: Path) -> None:
    file = a_file(tmp_path, b'{"stream":"btcusdt@trade","data":{"p":"x"}}', b"\xff\xfe", QUOTE)

    status, out, errors = await outcome("decode", "binance", file, folder=tmp_path)

    assert status == 1
    assert len(events_of(out)) == 1
    assert errors.startswith("line 1: ")
    assert "line 2: " in errors
    assert "Traceback" not in errors


async def test_a_venue_s_own_complaint_is_passed_on(tmp_path: Path) -> None:
    file = a_file(tmp_path, b'{"error":{"code":2,"msg":"Invalid request"},"id":1}', QUOTE)

    status, out, errors = await outcome("decode", "binance", file, folder=tmp_path)

    assert status == 0
    assert "line 1: binance said: " in errors
    assert "Invalid request" in errors
    assert len(events_of(out)) == 1


async def test_a_listing_is_printed_row_by_row(tmp_path: Path) -> None:
    status, out, _ = await outcome("decode", "binance", a_file(tmp_path, LISTING), folder=tmp_path)

    row = msgspec.json.decode(out)
    assert status == 0
    assert (row["kind"], row["venue"], row["symbol"]) == ("listing", "binance", "BTCUSDT")
    assert row["tick_size"] == 0.01


async def test_answers_of_a_polled_service_are_read_too(tmp_path: Path) -> None:
    status, out, _ = await outcome(
        "decode", "alpha_vantage", a_file(tmp_path, RATE), folder=tmp_path
    )

    [event] = events_of(out)
    assert status == 0
    assert isinstance(event, Quote | Summary)
    assert str(event.instrument) == "USD-KRW"


async def test_a_pipe_shows_each_event_as_it_comes(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cryptotracker", "decode", "binance"),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    shown: list[bytes] = []
    async with asyncio.timeout(30):
        for _ in range(2):
            process.stdin.write(QUOTE + b"\n")
            await process.stdin.drain()
            shown.append(await process.stdout.readline())
        process.stdin.close()
        status = await process.wait()

    assert [_decoder.decode(line).sequence for line in shown] == [7, 7]
    assert status == 0


async def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    file = a_file(tmp_path, *[QUOTE] * 20_000)
    async with command("decode", "binance", file, folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.timeout(30):
            await process.stdout.readline()
            process.stdout._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # as `head` does
            errors = await process.stderr.read()
            status = await process.wait()

    assert errors == b""
    assert status == 0


async def test_a_recording_is_read_with_its_listing_and_its_answers(tmp_path: Path) -> None:
    listing = a_listing("LUNC-USDT", "LUNCUSDT")
    start = Start(format=FORMAT, version="1", venue="binance", started_ns=1, listings=(listing,))
    frame = QUOTE.replace(b"BTCUSDT", b"LUNCUSDT")
    answer = Answer(
        path="/", about=("trades", listing.instrument), at_ns=RECEIVED_NS, bytes=len(TRADES)
    )
    compressor = Compressor()
    packed = compressor.add(
        written(start)
        + written(Connection(link=3, symbols=("LUNCUSDT",), at_ns=1))
        + written(Frame(link=3, at_ns=RECEIVED_NS, bytes=len(frame)), frame)
        + written(answer, TRADES)
    )
    (tmp_path / "x.rec.gz").write_bytes(packed + compressor.flush())

    status, out, _ = await outcome("decode", "binance", "x.rec.gz", folder=tmp_path)
    other, _, errors = await outcome("decode", "kraken", "x.rec.gz", folder=tmp_path)

    events = events_of(out)
    assert status == 0
    assert [type(event) for event in events] == [Quote, Trade]
    assert {event.received_ns for event in events} == {RECEIVED_NS}
    assert other == 2
    assert "decode binance" in errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("krakn", "-"), "Did you mean kraken"),
        (("kraken", "absent.jsonl"), "absent.jsonl cannot be read"),
        (("kraken", "."), ". cannot be read"),
        (("kraken", "some-frames.jsonl", "--meta", "absent.tsv"), "absent.tsv cannot be read"),
    ],
)
async def test_what_is_not_there_is_named(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    a_file(tmp_path, b"{}")

    status, _, errors = await outcome("decode", *words, folder=tmp_path)

    assert status == 2
    assert said in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("line\ttime\tkey", "1\t\t"),
        ("line\trecv_ts\tkey", "1\tx\t"),
        ("line\trecv_ts\tkey", "2\t\t"),
    ],
)
async def test_a_file_of_times_that_is_none_is_refused(tmp_path: Path, head: str, row: str) -> None:
    a_meta(tmp_path, row, head=head)

    status, _, errors = await outcome("decode", "binance", a_file(tmp_path, QUOTE), folder=tmp_path)

    assert status == 2
    assert "some-frames.meta.tsv" in errors
    assert len(errors.splitlines()) == 1


async def test_a_hundred_thousand_frames_take_seconds(tmp_path: Path) -> None:
    file = a_file(tmp_path, *[QUOTE] * 100_000)

    async with asyncio.timeout(20):  # about two where nothing else runs
        status, out, _ = await outcome("decode", "binance", file, folder=tmp_path)

    assert status == 0
    assert out.count("\n") == 100_000


@pytest.mark.skipif(FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of frames")
@pytest.mark.parametrize("name", known_venues())
def test_every_recorded_file_is_decoded(name: str) -> None:
    folder = Path(FOLDER or "") / name

    wrong: list[str] = []
    for file in sorted(folder.glob("*.jsonl")):
        ended = CliRunner().invoke(app, ["decode", name, str(file)])
        expected = 1 if f"{name}/{file.stem}" in NOT_READ else 0
        if ended.exit_code != expected:
            wrong.append(f"{file.name} ended with {ended.exit_code}: {ended.stderr[:300]}")

    assert not wrong
