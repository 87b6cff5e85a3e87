"""What the store in InfluxDB does when the server is away, says no or says nonsense."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from structlog.testing import capture_logs

from infrastructure.timeseries import influx as influx_store
from infrastructure.timeseries.influx import InfluxTimeSeries, connect_influx
from infrastructure.timeseries.influx_server import Bucket, reach
from market import Instrument, PoisonousError, SettingsError, StoreUnavailableError
from tests.making import SECOND, a_candle, a_gap, a_quote, a_trade
from tests.servers.influx_server import InfluxServer
from tests.servers.influxdb import Access, ConnectInflux

pytestmark = pytest.mark.influxdb

BTC = Instrument("BTC", "USDT")
EVER = {"start_ns": 0, "end_ns": 2**63 - 1}


async def test_server_that_was_killed_has_what_it_acknowledged(
    connect_store: ConnectInflux, influx_server: InfluxServer
) -> None:
    before, after = a_trade(number=1), a_trade(number=2, at_ns=2)
    access = Access(influx_server.url, influx_server.token, influx_server.org)

    async with connect_store(access) as store:
        await store.write([before])
        await asyncio.to_thread(influx_server.kill)
        try:
            with pytest.raises(StoreUnavailableError, match="answers 503"):
                await store.write([after])
            with pytest.raises(StoreUnavailableError, match="answers 503"):
                await store.trades("kraken", BTC, **EVER, limit=10)
        finally:
            await asyncio.to_thread(influx_server.start)
        await store.write([after])

        assert await store.trades("kraken", BTC, **EVER, limit=10) == [before, after]


async def test_server_that_does_not_run_is_named() -> None:
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:9 does not answer"):
        await connected(Access("http://127.0.0.1:9", "t", "o"))


async def test_server_that_never_answers_is_given_up(connect_store: ConnectInflux) -> None:
    async with a_server(lambda _writer: asyncio.sleep(3_600)) as url:
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            async with connect_store(Access(url, "t", "o"), timeout_s=0.2):
                pass


async def test_server_that_is_something_else_is_named() -> None:
    async def say_hello(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()

    async with a_server(say_hello) as url:
        with pytest.raises(StoreUnavailableError, match="is no InfluxDB"):
            await connected(Access(url, "t", "o"))


async def test_server_that_answers_500_is_to_be_restarted() -> None:
    async def fail(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Failed\r\nContent-Length: 13\r\n\r\nengine: wrong")
        await writer.drain()

    async with a_server(fail) as url, reach(url, token="t", org="o", timeout_s=5.0) as server:  # noqa: S106  # it opens nothing
        store = InfluxTimeSeries(server, raw=Bucket("c", "raw"), lasting=Bucket("c", "candles"))

        with pytest.raises(StoreUnavailableError, match=r"answers 500 'engine: wrong'; .*restart"):
            await store.probe()


async def test_probe_gives_up_a_server_that_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx_store, "PROBE_WITHIN_S", 0.1)
    silent = a_server(lambda _writer: asyncio.sleep(3_600))

    async with silent as url, reach(url, token="t", org="o", timeout_s=5.0) as server:  # noqa: S106  # as above
        store = InfluxTimeSeries(server, raw=Bucket("c", "raw"), lasting=Bucket("c", "candles"))

        with pytest.raises(StoreUnavailableError, match=r"within 0.1 s; .*then restart it"):
            await store.probe()


async def test_wrong_token_is_said_with_the_remedy(influx: Access) -> None:
    with pytest.raises(StoreUnavailableError, match=r"answers 401 .*give a token that may"):
        await connected(influx._replace(token="wrong"))  # noqa: S106  # it opens nothing


async def test_prefix_that_is_no_name_is_refused(influx: Access) -> None:
    with pytest.raises(SettingsError, match="not 'a/b'"):
        async with connect_influx(
            influx.url, token=influx.token, org=influx.org, bucket_prefix="a/b"
        ):
            pass


async def test_buckets_are_found_again(connect_store: ConnectInflux) -> None:
    async with connect_store() as store:
        await store.write([a_quote()])

    async with connect_store() as store:
        assert await store.quotes("kraken", BTC, **EVER, limit=10) == [a_quote()]


async def test_trades_that_come_too_late_are_dropped_and_the_others_stored(
    connect_store: ConnectInflux,
) -> None:
    now = time.time_ns()
    fresh = [a_trade(number=n, at_ns=now - n * SECOND) for n in range(3, 0, -1)]
    stale = a_trade(number=9, at_ns=now - 7_200 * SECOND)

    async with connect_store(raw_retention_s=3_600) as store:
        with capture_logs() as lines:
            await store.write([*fresh, stale])
        assert store.expired == 1

        assert await store.trades("kraken", BTC, **EVER, limit=10) == fresh
    assert [line["event"] for line in lines] == ["store.expired"]


async def test_bucket_keeps_longer_what_is_to_be_kept(connect_store: ConnectInflux) -> None:
    now = time.time_ns()
    old = a_trade(at_ns=now - 47 * 3_600 * SECOND)

    async with connect_store(raw_retention_s=86_400) as store:
        await store.keep_from(now - 48 * 3_600 * SECOND)
        await store.keep_from(now - 3_600 * SECOND)  # a shorter time changes nothing
        await store.write([old])

        assert store.expired == 0
        assert await store.trades("kraken", BTC, **EVER, limit=10) == [old]


async def test_candles_and_gaps_never_come_too_late(connect_store: ConnectInflux) -> None:
    candle, gap = a_candle(start_ns=0), a_gap(start_ns=0)

    async with connect_store(raw_retention_s=3_600) as store:
        await store.write([candle, gap])

        assert await store.candles("kraken", BTC, "1m", **EVER, limit=10) == [candle]
        assert await store.gaps("kraken", BTC, **EVER, limit=10) == [gap]


async def test_the_one_event_that_the_server_refuses_is_found(
    connect_store: ConnectInflux,
) -> None:
    gaps = [a_gap(start_ns=n * SECOND) for n in range(1_000)]
    poison = gaps[617] = msgspec.structs.replace(gaps[617], venue="x" * 70_000)

    async with connect_store() as store:
        with pytest.raises(PoisonousError, match="InfluxDB refuses it") as caught:
            await store.write(gaps)

        assert [event for event, _ in caught.value.reasons] == [poison]
        stored = await store.gaps("kraken", BTC, **EVER, limit=2_000)
        assert stored == [gap for gap in gaps if gap is not poison]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_request_that_is_too_large_is_halved(connect_store: ConnectInflux) -> None:
    small = [a_gap(start_ns=n * SECOND) for n in range(3)]
    huge = msgspec.structs.replace(a_gap(start_ns=9), reason="x" * 30_000_000)

    async with connect_store() as store:
        with pytest.raises(PoisonousError) as caught:
            await store.write([*small, huge])

        assert [event for event, _ in caught.value.reasons] == [huge]
        assert await store.gaps("kraken", BTC, **EVER, limit=10) == small


async def connected(access: Access) -> None:
    """Connect and leave."""
    async with connect_influx(access.url, token=access.token, org=access.org):
        pass


@asynccontextmanager
async def a_server(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Listen on a free port; ``answer`` is given each connection to speak."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
