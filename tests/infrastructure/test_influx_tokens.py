"""Tokens that open some buckets only: made once, renewed when InfluxDB knows them no more."""

from collections.abc import Iterator

import pytest

from infrastructure.timeseries.influx_tokens import InfluxTokens, influx_tokens
from market import StoreUnavailableError
from tests.making import a_trade
from tests.servers.influxdb import Access, ConnectInflux

pytestmark = pytest.mark.influxdb


@pytest.fixture
async def _buckets(connect_store: ConnectInflux) -> None:
    async with connect_store() as store:
        await store.write([a_trade()])


@pytest.fixture
def buckets(bucket_prefix: str) -> list[str]:
    return [f"{bucket_prefix}/raw", f"{bucket_prefix}/candles"]


@pytest.fixture
def tokens(influx: Access, buckets: list[str], _buckets: None) -> Iterator[InfluxTokens]:
    with influx_tokens(influx.url, token=influx.token, buckets=buckets) as made:
        yield made


async def test_who_may_only_read_reads(
    tokens: InfluxTokens, influx: Access, connect_store: ConnectInflux
) -> None:
    reader = influx._replace(token=tokens.renewed("serve", "", ["read"]))
    trade = a_trade()

    async with connect_store(reader) as store:
        found = await store.trades(
            trade.venue,
            trade.instrument,
            start_ns=trade.event_ns,
            end_ns=trade.event_ns + 1,
            limit=1,
        )

    assert found == [trade]


async def test_who_may_only_read_cannot_write(
    tokens: InfluxTokens, influx: Access, connect_store: ConnectInflux
) -> None:
    reader = influx._replace(token=tokens.renewed("serve", "", ["read"]))

    async with connect_store(reader) as store:
        with pytest.raises(StoreUnavailableError, match=r"answers 40[13]"):
            await store.write([a_trade(number=2)])


async def test_the_writer_writes_and_finds_what_it_wrote(
    tokens: InfluxTokens, influx: Access, connect_store: ConnectInflux
) -> None:
    writer = influx._replace(token=tokens.renewed("store", "", ["read", "write"]))

    async with connect_store(writer) as store:
        await store.write([a_trade(number=2)])
        await store.probe()


async def test_no_token_of_ours_makes_buckets(
    tokens: InfluxTokens, influx: Access, bucket_prefix: str
) -> None:
    writer = tokens.renewed("store", "", ["read", "write"])

    with (
        influx_tokens(influx.url, token=writer, buckets=[f"{bucket_prefix}/raw"]) as others,
        pytest.raises(StoreUnavailableError, match="set up with another token"),
    ):
        others.renewed("intruder", "", ["read"])


def test_a_token_that_still_opens_its_buckets_stays(tokens: InfluxTokens) -> None:
    token = tokens.renewed("serve", "", ["read"])

    assert tokens.renewed("serve", token, ["read"]) == token


def test_a_token_that_is_not_known_is_replaced(tokens: InfluxTokens) -> None:
    assert tokens.renewed("serve", "of another server", ["read"]) != "of another server"


def test_of_one_reader_there_is_one_token(tokens: InfluxTokens) -> None:
    first = tokens.renewed("serve", "", ["read"])
    second = tokens.renewed("serve", "", ["read"])

    assert tokens.renewed("serve", first, ["read"]) not in {first, second}


def test_a_server_that_is_away_is_named(unused_url: str) -> None:
    with (
        influx_tokens(unused_url, token="any", buckets=["a/b"]) as tokens,  # noqa: S106  # nobody asks
        pytest.raises(StoreUnavailableError, match="does not answer"),
    ):
        tokens.renewed("serve", "", ["read"])


@pytest.fixture
def unused_url(unused_tcp_port: int) -> str:
    return f"http://127.0.0.1:{unused_tcp_port}"
