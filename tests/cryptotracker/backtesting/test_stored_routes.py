"""What `cryptotracker backtest routes` reads where no file is named: archive and store as one."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from analytics.backtest.arbitrage.tape import Told
from cryptotracker.arbitrage.stored_events import Meant, stored_events
from cryptotracker.cli import app
from cryptotracker.settings import read_settings
from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.manifest import Record, read_record, write_record
from infrastructure.archive.places import DAY_NS, day_of
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import Stored
from market import Instrument
from tests.making import MINUTE, SECOND, a_book, a_listed, a_quote, a_status, a_summary

MS = SECOND // 1_000
MIDNIGHT = 1_790_000_000 * SECOND // DAY_NS * DAY_NS
TERMS = [a_listed(venue, at_ns=MIDNIGHT + DAY_NS) for venue in ("binance", "kraken")]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have store and archive in a folder, and venues that charge nothing."""
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", f"duckdb:{tmp_path}/market.duckdb")
    monkeypatch.setenv("CRYPTOTRACKER_ARCHIVE", f"{tmp_path}/archive")
    monkeypatch.setenv("CRYPTOTRACKER_TAKER_FEE_BPS", '{"binance": 0, "kraken": 0}')


def keep(folder: Path, events: Sequence[Stored], *, archived: Sequence[Stored] = ()) -> None:
    """Have events in the store, and others, with the whole of their days, in the archive alone."""

    async def kept() -> None:
        with closing(EmbeddedTimeSeries.open(folder / "market.duckdb")) as store:
            await store.write([*TERMS, *events])
        with closing(EmbeddedTimeSeries.open(None)) as before:
            await before.write(archived)
            for day in {day_of(one.event_ns) for one in archived}:
                await archive_day(before, LocalFiles(folder / "archive"), day, now_ns=MIDNIGHT)

    asyncio.run(kept())


def told(
    start_ns: int = MIDNIGHT - DAY_NS,
    end_ns: int = MIDNIGHT + DAY_NS,
    *,
    venues: tuple[str, ...] = (),
    instruments: tuple[Instrument, ...] = (),
) -> list[Told]:
    meant = Meant(venues=venues, instruments=instruments, start_ns=start_ns, end_ns=end_ns)
    return list(stored_events(read_settings(), meant))


def replayed(*words: str) -> dict[str, float]:
    """Run the command from a day before midnight on; return what came of all at no latency."""
    span = ("--from", "2026-09-20", "--to", "2026-09-22", "--latency", "0")
    found = CliRunner().invoke(
        app,
        ["backtest", "routes", *span, "--set", "despite=transfer_unknown", "--json", *words],
        catch_exceptions=False,
    )
    assert found.exit_code == 0, found.output
    total: dict[str, float] = json.loads(found.stdout)["latencies"][0]["total"]
    return total


def test_archive_and_store_are_told_as_one_by_time_of_receipt(tmp_path: Path) -> None:
    early = a_quote(at_ns=MIDNIGHT - 2)
    late = replace(a_quote(at_ns=MIDNIGHT - 1), received_ns=MIDNIGHT + 5)
    book, after = a_book(at_ns=MIDNIGHT + 1), a_quote("binance", at_ns=MIDNIGHT + 3)
    status = a_status(at_ns=MIDNIGHT - 3)
    keep(tmp_path, [after, book], archived=[late, early, status])

    terms, events = told()[:2], told()[2:]

    assert [one.venue for one in terms] == ["binance", "kraken"]
    assert all(one.received_ns < MIDNIGHT - DAY_NS for one in terms)
    assert events == [status, early, book, after, late]


def test_days_that_both_have_are_told_once(tmp_path: Path) -> None:
    quotes = [a_quote(at_ns=MIDNIGHT + at_ns) for at_ns in (-2, -1, 0)]
    keep(tmp_path, quotes, archived=quotes[:2])

    assert told()[2:] == quotes


def test_day_without_archive_before_one_that_is_archived_comes_from_the_store(
    tmp_path: Path,
) -> None:
    first, second, third, fourth = (
        a_quote(at_ns=MIDNIGHT + days * DAY_NS + SECOND) for days in (-3, -2, -1, 0)
    )
    keep(tmp_path, [second, fourth], archived=[first, third])

    until_midnight = told(start_ns=MIDNIGHT - 3 * DAY_NS, end_ns=MIDNIGHT)[2:]
    of_all = told(start_ns=MIDNIGHT - 3 * DAY_NS)[2:]

    assert until_midnight == [first, second, third]
    assert of_all == [first, second, third, fourth]


def test_day_that_is_archived_in_part_comes_from_the_store_alone(tmp_path: Path) -> None:
    first, second, third = (
        a_quote(at_ns=MIDNIGHT - DAY_NS + hours * 3_600 * SECOND) for hours in (-1, 1, 2)
    )
    keep(tmp_path, [second, third], archived=[first, second])
    files, day = LocalFiles(tmp_path / "archive"), day_of(second.event_ns)
    write_record(files, day, Record(read_record(files, day).lines))

    assert told(start_ns=MIDNIGHT - 2 * DAY_NS)[2:] == [first, second, third]


def test_where_all_is_archived_the_store_is_not_opened(tmp_path: Path) -> None:
    quote = a_quote(at_ns=MIDNIGHT - 1)
    keep(tmp_path, [], archived=[quote])

    with closing(EmbeddedTimeSeries.open(tmp_path / "market.duckdb")):
        assert told(end_ns=MIDNIGHT) == [quote]


def test_only_the_markets_that_are_meant_are_told(tmp_path: Path) -> None:
    meant: list[Stored] = [a_quote(at_ns=MIDNIGHT - 1), a_book(at_ns=MIDNIGHT + 1)]
    others: list[Stored] = [
        a_quote("binance", at_ns=MIDNIGHT + 2),
        a_book(instrument="ETH-USDT", at_ns=MIDNIGHT),
    ]
    before = [a_quote(instrument="ETH-USDT", at_ns=MIDNIGHT - 1)]
    keep(tmp_path, [*others, meant[1]], archived=[meant[0], *before])

    found = told(venues=("kraken",), instruments=(Instrument("BTC", "USDT"),))

    assert found[1:] == meant


def test_rates_and_lives_from_before_the_first_quote_are_told(tmp_path: Path) -> None:
    rate = a_summary("alpha_vantage", "USD-KRW", at_ns=MIDNIGHT - 3_600 * SECOND)
    status = a_status(at_ns=MIDNIGHT - SECOND)
    no_rate, quote = a_summary(at_ns=MIDNIGHT + 1), a_quote(at_ns=MIDNIGHT + 2)
    keep(tmp_path, [rate, status, no_rate, quote])

    assert told(start_ns=MIDNIGHT)[2:] == [rate, status, quote]


def test_depth_beyond_the_best_prices_counts_where_books_are_kept(tmp_path: Path) -> None:
    at_ns = MIDNIGHT + MINUTE
    lives = [a_status(venue, at_ns=at_ns - 2) for venue in ("binance", "kraken")]
    quotes = [
        a_quote("binance", bid=99.0, ask=100.0, ask_size=1.0, at_ns=at_ns),
        a_quote("kraken", bid=102.0, ask=103.0, bid_size=5.0, at_ns=at_ns + MS),
    ]
    book = a_book("binance", asks=[(100.0, 1.0), (101.0, 1.0)], at_ns=at_ns - 1)

    keep(tmp_path, [*lives, *quotes])
    without = replayed()
    keep(tmp_path, [book])
    with_depth = replayed()

    assert without["kept_usd"] == pytest.approx(2.0)
    assert with_depth["kept_usd"] == pytest.approx(3.0)


def test_venue_lives_between_the_words_that_are_kept_of_it(tmp_path: Path) -> None:
    at_ns = MIDNIGHT + 50 * SECOND
    lives = [a_status(venue, at_ns=MIDNIGHT) for venue in ("binance", "kraken")]
    cheap = a_quote("binance", bid=99.0, ask=100.0, at_ns=at_ns)
    dear = a_quote("kraken", bid=102.0, ask=103.0, at_ns=at_ns + MS)
    keep(tmp_path, [cheap, dear, *lives])

    assert replayed()["kept_usd"] == pytest.approx(2.0)


def test_routes_are_taken_from_archived_quotes_and_books(tmp_path: Path) -> None:
    at_ns = MIDNIGHT - 200 * MS
    cheap = a_quote("binance", bid=99.0, ask=100.0, at_ns=at_ns)
    book = a_book("binance", asks=[(100.0, 1.0), (101.0, 1.0)], at_ns=at_ns - MS)
    dear = replace(
        a_quote("kraken", bid=102.0, ask=103.0, bid_size=5.0, at_ns=MIDNIGHT - 1),
        received_ns=MIDNIGHT + 100 * MS,
    )
    gone = a_quote("kraken", bid=98.0, ask=99.9, at_ns=MIDNIGHT + 300 * MS)
    keep(tmp_path, [gone], archived=[cheap, book, dear])

    assert replayed()["kept_usd"] == pytest.approx(3.0)
