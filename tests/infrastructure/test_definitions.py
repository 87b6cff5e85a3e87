"""The file that a broker is given: equal to what the services declare, and enough for them."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused

from api_service.view import LatestView
from cryptotracker.compose import KEPT, writing
from cryptotracker.definitions import FILE, LEADING, RIGHTS, broker_definitions, written
from cryptotracker.strategies import chosen_strategies
from infrastructure.actor import patterns_of
from infrastructure.bus.amqp import AmqpBus, connect_amqp
from infrastructure.bus.amqp.definitions import with_users
from infrastructure.bus.port import DeadLetter
from infrastructure.sharing import places_of
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Event
from refresher_service.candle_builder import CandleBuilder
from refresher_service.refresher import Refresher
from refresher_service.signaller import Signaller
from storage_service.book_writer import BookWriter
from storage_service.writer import Writer
from tests.making import a_book, a_candle, a_quote, a_signal, a_status, a_trade
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

TOLD_ALL = "premium-reversion@1m, premium-reversion@quotes"
"""Strategies that are told of all that there is."""

PARTITIONS = 3
SAFE_ARGUMENTS = {
    "stream": {
        "x-queue-type",
        "x-max-age",
        "x-max-length-bytes",
        "x-stream-max-segment-size-bytes",
    },
    "quorum": {
        "x-queue-type",
        "x-delivery-limit",
        "x-dead-letter-exchange",
        "x-dead-letter-strategy",
        "x-overflow",
        "x-max-length-bytes",
        "x-max-length",
        "x-message-ttl",
        "x-single-active-consumer",
    },
    "classic": {
        "x-queue-type",
        "x-single-active-consumer",
        "x-max-length",
        "x-max-length-bytes",
        "x-message-ttl",
        "x-overflow",
    },
}
"""What 3.10 and 4.x know of queues that are neither lazy, mirrored, transient nor of priorities."""

Try = Callable[[AbstractChannel], Awaitable[object]]


@pytest.fixture
def passwords() -> dict[str, str]:
    return {one.user: secrets.token_urlsafe(8) for one in RIGHTS}


@pytest.fixture
def given(
    the_rabbitmq_node: RabbitMQServer, passwords: dict[str, str], tmp_path: Path
) -> Iterator[str]:
    """A virtual host that was given the definitions, and their users."""
    vhost = f"given-{secrets.token_hex(4)}"
    file = tmp_path / "definitions.json"
    file.write_text(written(with_users(broker_definitions(PARTITIONS, vhost=vhost), passwords)))
    the_rabbitmq_node.ctl("import_definitions", str(file))
    yield vhost
    the_rabbitmq_node.ctl("delete_vhost", vhost)
    for user in passwords:
        the_rabbitmq_node.ctl("delete_user", user)


@pytest.fixture
def connect_as(
    the_rabbitmq_node: RabbitMQServer, given: str, passwords: dict[str, str]
) -> Callable[[str], str]:
    """The URL of the bus for a user."""
    address = the_rabbitmq_node.url.rpartition("@")[2].rstrip("/")
    return lambda user: f"amqp://{user}:{passwords[user]}@{address}/{given}"


def test_file_in_the_repository_is_what_the_code_says() -> None:
    assert FILE.read_text("utf-8") == written(broker_definitions())


def test_file_in_the_repository_has_no_user_and_no_password() -> None:
    assert "users" not in broker_definitions()
    assert "password" not in FILE.read_text("utf-8")


@pytest.mark.parametrize("is_cluster", [False, True])
@pytest.mark.parametrize("partitions", [1, 8])
def test_queues_have_only_arguments_that_all_versions_know(
    partitions: int, *, is_cluster: bool
) -> None:
    for queue in broker_definitions(partitions, is_cluster=is_cluster)["queues"]:
        arguments = queue["arguments"]
        assert isinstance(arguments, dict)
        assert set(arguments) <= SAFE_ARGUMENTS[arguments["x-queue-type"]], queue["name"]
        assert queue["durable"]
        if arguments["x-queue-type"] == "quorum":
            assert "x-delivery-limit" in arguments, "4.x has one by default, 3.10 has none"


def test_in_a_cluster_no_queue_lives_on_one_node_alone() -> None:
    queues = broker_definitions(4, is_cluster=True)["queues"]

    kinds = {cast("dict[str, str]", one["arguments"])["x-queue-type"] for one in queues}
    assert kinds == {"quorum", "stream"}


@pytest.mark.rabbitmq
async def test_broker_that_is_given_the_file_has_what_the_services_declare(
    the_rabbitmq_node: RabbitMQServer, given: str
) -> None:
    declared = f"declared-{secrets.token_hex(4)}"
    node = the_rabbitmq_node
    await asyncio.to_thread(node.ctl, "add_vhost", declared)
    await asyncio.to_thread(node.ctl, "set_permissions", "-p", declared, "guest", *[".*"] * 3)
    async with (
        connect_amqp(f"{node.url}{declared}", partitions=PARTITIONS) as bus,
        AsyncExitStack() as opened,
    ):
        for reader in KEPT:
            await bus.keep(reader.name, patterns_of(reader.handles))
            for name in places_of(reader.name, PARTITIONS):
                await opened.enter_async_context(bus.lead(name))
        for leader in LEADING:
            await opened.enter_async_context(bus.lead(leader.name))
        assert await bus.recent(["#"]) == []

        found = [await asyncio.to_thread(_entities, node, vhost) for vhost in (given, declared)]
    await asyncio.to_thread(node.ctl, "delete_vhost", declared)

    for kind, rows in found[0].items():
        assert rows == found[1][kind], kind
    assert len(found[0]["queues"]) == 3 + 2 * PARTITIONS + len(LEADING) + 2 * PARTITIONS


@pytest.mark.rabbitmq
async def test_each_service_does_all_that_it_does_with_its_own_user(
    connect_as: Callable[[str], str],
) -> None:
    store = EmbeddedTimeSeries.open(None)
    letter = DeadLetter("stream.kraken", "unreadable", body=b"x")
    told: list[Event] = [a_trade(), a_quote(), a_book(), a_status()]
    async with AsyncExitStack() as opened:
        opened.callback(store.close)
        stream, storing, refresh, serve, operator = [
            await opened.enter_async_context(_bus(connect_as(user)))
            for user in ("stream", "store", "refresh", "serve", "operator")
        ]
        for bus in (stream, storing, refresh, serve, operator):
            async with bus.probing() as probe:
                await probe()
        for reader in KEPT:
            await stream.keep(reader.name, patterns_of(reader.handles))
        writer, view, books = (
            writing(storing, store),
            LatestView(serve),
            BookWriter(storing, store, every_s=1),
        )
        for part in (writer, books, view, Signaller(refresh, store, chosen_strategies(TOLD_ALL))):
            await opened.enter_async_context(_running(part))
        lead = await opened.enter_async_context(
            refresh.lead(places_of(CandleBuilder.name, PARTITIONS)[0])
        )
        await lead.held()
        await opened.enter_async_context(
            refresh.mailbox(
                Refresher.name,
                patterns_of(Refresher.handles),
                capacity=10,
                overflow=Refresher.overflow,
            )
        )
        await stream.publish(told)
        await stream.put_aside([letter])
        await stream.flush()
        await refresh.publish([a_candle(), a_signal()])
        await refresh.flush()
        await eventually(lambda: writer.handled >= 3 and books.stored == 1, within_s=20)
        await eventually(lambda: view.handled >= len(told), within_s=20)
        async with asyncio.timeout(20):
            while not (letters := await operator.dead_letters(10)):
                continue
        again = DeadLetter(Writer.name, "no number", event=a_trade(number=2))
        assert await operator.give_back(again)
        await operator.revise({one.id for one in letters}, _nothing)
        await eventually(lambda: writer.handled >= 4, within_s=20)
        assert await operator.dead_letters(10) == []

    assert stream.counters.resent == 0


@pytest.mark.rabbitmq
async def test_views_are_told_what_is_newest_with_their_own_users(
    connect_as: Callable[[str], str],
) -> None:
    async with (
        _bus(connect_as("stream")) as stream,
        _bus(connect_as("refresh")) as refresh,
        _bus(connect_as("serve")) as serve,
        asyncio.timeout(60),
    ):
        await stream.publish([a_quote()])
        while await refresh.recent(["quote.#"]) != [a_quote()]:
            continue
        found = await serve.recent(["quote.#"])

    assert found == [a_quote()]


async def _nothing(_letter: DeadLetter) -> None:
    return


def _publish(exchange: str, key: str) -> Try:
    async def attempt(channel: AbstractChannel) -> None:
        to = await channel.get_exchange(exchange, ensure=False) if exchange else None
        message = aio_pika.Message(b"x")
        await (to or channel.default_exchange).publish(message, key, mandatory=False)

    return attempt


def _read(queue: str) -> Try:
    async def attempt(channel: AbstractChannel) -> None:
        await (await channel.get_queue(queue, ensure=False)).get(fail=False)

    return attempt


def _declare(queue: str) -> Try:
    return lambda channel: channel.declare_queue(queue, exclusive=True)


def _delete(queue: str) -> Try:
    return lambda channel: channel.queue_delete(queue)


def _listen(queue: str, pattern: str) -> Try:
    async def attempt(channel: AbstractChannel) -> None:
        mine = await channel.declare_queue(queue, exclusive=True)
        await mine.bind("market", pattern)

    return attempt


FORBIDDEN: list[tuple[str, str, Try]] = [
    ("stream", "publish routes", _publish("market", "routes.BTC")),
    ("stream", "reach a queue through the default exchange", _publish("", "market.dead")),
    ("stream", "read what is stored", _read("market.storage.writer.of-3.0")),
    ("stream", "read dead letters", _read("market.dead")),
    ("stream", "declare a queue", _declare("market.storage.writer.extra")),
    ("stream", "give away leads", _publish("market.leads", "market.refresher.routes.lead")),
    ("store", "tell what is newest", _publish("market.recent", "")),
    ("store", "publish trades", _publish("market", "trade.kraken.BTC.USD")),
    ("store", "read what candles are built of", _read("market.refresher.candles.of-3.0")),
    ("store", "listen to trades", _listen("market.storage.writer.members.0a", "trade.#")),
    ("refresh", "publish quotes", _publish("market", "quote.kraken.BTC.USD")),
    ("refresh", "delete the writer's mailbox", _delete("market.storage.writer.of-3.1")),
    ("serve", "publish quotes", _publish("market", "quote.kraken.BTC.USD")),
    ("serve", "read what is stored", _read("market.storage.writer.of-3.0")),
    ("serve", "declare what outlives it", _declare("market.storage.writer.of-3.0")),
    ("operator", "read what is stored", _read("market.storage.writer.of-3.0")),
    ("operator", "delete dead letters' queue", _delete("market.dead")),
]


@pytest.mark.rabbitmq
async def test_no_service_may_do_what_is_not_its_own(connect_as: Callable[[str], str]) -> None:
    allowed: list[str] = []
    for user, what, attempt in FORBIDDEN:
        async with (
            await aio_pika.connect(connect_as(user)) as connection,
            connection.channel() as channel,
        ):
            try:
                await attempt(channel)
            except ChannelAccessRefused:
                continue
            allowed.append(f"{user} may {what}")

    assert allowed == []


@asynccontextmanager
async def _bus(url: str) -> AsyncIterator[AmqpBus]:
    async with connect_amqp(url, partitions=PARTITIONS, declares=False) as bus:
        yield bus


@asynccontextmanager
async def _running(part: Any) -> AsyncIterator[None]:
    running = asyncio.create_task(part.run())
    try:
        await eventually(lambda: part.listening.is_set() or running.done())
        assert not running.done(), running.exception()
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


def _entities(node: RabbitMQServer, vhost: str) -> dict[str, list[str]]:
    """Return exchanges, queues and bindings as the broker tells them, but for its own."""
    asked = {
        "exchanges": ("name", "type", "durable", "internal", "auto_delete", "arguments"),
        "queues": ("name", "durable", "auto_delete", "arguments"),
        "bindings": (
            "source_name",
            "destination_name",
            "destination_kind",
            "routing_key",
            "arguments",
        ),
    }
    found = {}
    for kind, columns in asked.items():
        told = node.ctl("list_" + kind, "-p", vhost, "--formatter", "json", *columns)
        rows = [row for row in json.loads(told) if _is_ours(row)]
        found[kind] = sorted(json.dumps(_ordered(row), sort_keys=True) for row in rows)
    return found


def _is_ours(row: dict[str, Any]) -> bool:
    name = row.get("name") or row.get("source_name")
    return bool(name) and not str(name).startswith("amq.")


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its arguments in order, whatever way the broker writes a table."""
    arguments = row.get("arguments")
    if isinstance(arguments, list):
        arguments = sorted([one[0], one[-1]] if isinstance(one, list) else one for one in arguments)
    return {**row, "arguments": arguments}
