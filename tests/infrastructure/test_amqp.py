"""What the bus on RabbitMQ promises beyond the port: its messages, dead letters and errors."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import aiormq
import pytest
from aio_pika.abc import AbstractChannel
from msgspec.structs import replace

from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Bus, DeadLetter, Overflow
from market import BusUnavailableError, Event, SettingsError
from market.codec import JSON, MSGPACK
from tests.mailboxes import (
    WITHIN_S,
    a_mailbox,
    publish_until_seen,
    read_until_seen,
    trades_numbered,
)
from tests.making import a_quote, a_status, a_trade
from tests.servers.proxy import Proxy, a_certificate
from tests.servers.rabbitmq import SMALL, Connect
from tests.waiting import eventually

pytestmark = pytest.mark.rabbitmq


async def test_unreadable_message_is_put_aside_and_the_next_is_read(
    connect: Connect, exchange: str, amqp_url: str
) -> None:
    async with connect() as bus, a_mailbox(bus, "storage") as mailbox:
        async with _channel(amqp_url) as channel:
            live = await channel.get_exchange(exchange)
            for body in (b'[{"kind":"quote"}]', b'"\xff', b"["):
                await live.publish(
                    aio_pika.Message(body, content_type="application/json"), "quote.kraken.A.B"
                )
        await bus.publish([a_trade()])
        read = await read_until_seen(mailbox, {a_trade()})
        letters = await bus.dead_letters(10)

    assert read == [a_trade()]
    assert [letter.body for letter in letters] == [b'[{"kind":"quote"}]', b'"\xff', b"["]
    assert {letter.mailbox for letter in letters} == {"storage"}
    assert "missing required field" in letters[0].reason


async def test_message_that_comes_back_too_often_is_put_aside_by_the_broker(
    connect: Connect,
) -> None:
    async with connect() as bus:
        async with a_mailbox(bus, "storage"):
            pass
        await bus.publish([a_trade(number=1), a_trade(number=2)])
        await bus.flush()
        for _ in range(21):
            async with a_mailbox(bus, "storage") as mailbox, asyncio.timeout(WITHIN_S):
                await mailbox.receive(10)
        letters = await _dead_letters(bus)

    assert [letter.event for letter in letters] == [a_trade(number=1), a_trade(number=2)]
    assert {(letter.mailbox, letter.reason) for letter in letters} == {
        ("storage", "delivery_limit")
    }


async def test_queue_that_is_deleted_under_its_reader_is_declared_again(
    connect: Connect, exchange: str, amqp_url: str
) -> None:
    async with connect() as bus, a_mailbox(bus, "storage") as mailbox:
        async with _channel(amqp_url) as channel:
            await channel.queue_delete(f"{exchange}.storage")

        await publish_until_seen(bus, mailbox)


async def test_queue_of_another_size_is_refused_by_name(connect: Connect, exchange: str) -> None:
    async with connect() as bus, a_mailbox(bus, "storage"):
        pass

    with pytest.raises(SettingsError, match=f"{exchange}.storage"):
        async with connect(limits=SMALL) as bus, a_mailbox(bus, "storage"):
            pass


async def test_json_and_messagepack_are_read_side_by_side(connect: Connect) -> None:
    async with (
        connect(content_type=JSON) as json,
        connect(content_type=MSGPACK) as msgpack,
        a_mailbox(json) as mailbox,
    ):
        await json.publish([a_trade(number=1)])
        await json.flush()
        await msgpack.publish([a_trade(number=2)])

        assert await read_until_seen(mailbox, {a_trade(number=2)}) == trades_numbered(2)


async def test_event_that_no_mailbox_wants_is_counted(connect: Connect) -> None:
    async with connect() as bus:
        await bus.publish([a_quote(), a_status()])
        await bus.flush()

    kinds = {each.labels: each.value for each in bus.measures() if each.name == "bus_unroutable"}
    assert kinds == {("quote",): 1, ("status",): 1}
    assert bus.counters.unroutable == 2
    assert bus.counters.confirmed == 2


async def test_nobody_waits_for_more_than_the_broker_sends_ahead(connect: Connect) -> None:
    async with connect() as bus, a_mailbox(bus, capacity=2) as mailbox:
        for trade in trades_numbered(3):
            await bus.publish([trade])
            await bus.flush()
        async with asyncio.timeout(WITHIN_S):
            await mailbox.gather(2 * WITHIN_S)

        assert mailbox.waiting == 2
        assert await read_until_seen(mailbox, {trades_numbered(3)[-1]}) == trades_numbered(3)


async def test_what_is_done_is_acknowledged_together_and_before_the_mailbox_closes(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.bus.amqp.mailbox.ACK_EVERY_S", 2 * WITHIN_S)
    told: list[int] = []
    acknowledge = aiormq.Channel.basic_ack

    async def tell(channel: aiormq.Channel, tag: int, *, multiple: bool) -> None:
        told.append(tag)
        await acknowledge(channel, tag, multiple=multiple)

    monkeypatch.setattr(aiormq.Channel, "basic_ack", tell)
    async with connect() as bus:
        async with a_mailbox(bus) as mailbox:
            for trade in trades_numbered(5):
                await bus.publish([trade])
                await read_until_seen(mailbox, {trade})
            while_open = list(told)
        async with a_mailbox(bus) as mailbox:
            await bus.publish([a_trade(number=6)])
            read = await read_until_seen(mailbox, {a_trade(number=6)})

    assert while_open == [1]
    assert told[:2] == [1, 5]
    assert read == [a_trade(number=6)]


async def test_what_is_done_is_acknowledged_though_nothing_follows(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.bus.amqp.mailbox.ACK_EVERY_S", 0.5)
    async with connect() as bus, a_mailbox(bus, capacity=4) as mailbox:
        for trade in trades_numbered(6):
            await bus.publish([trade])
            await bus.flush()
        for _ in range(2):
            await mailbox.receive(1)
            await mailbox.done()

        await eventually(lambda: mailbox.waiting == 4, within_s=WITHIN_S)


@pytest.mark.parametrize("overflow", Overflow)
async def test_of_a_message_of_many_a_mailbox_gets_the_instrument_that_it_asks_for(
    connect: Connect, overflow: Overflow
) -> None:
    many: list[Event] = [a_quote(instrument=f"COIN{n}-USDT") for n in range(300)]
    newer = replace(a_quote(instrument="COIN7-USDT"), sequence=2)

    async with connect() as bus:
        mailbox = bus.mailbox("one", ["quote.*.COIN7.USDT"], capacity=9, overflow=overflow)
        async with mailbox as one:
            await bus.publish([*many, a_trade(instrument="COIN7-USDT", number=1)])
            await bus.flush()
            await bus.publish([newer, many[8]])
            read = await read_until_seen(one, {newer})

    assert read == [many[7], newer]


async def test_batch_too_large_for_one_message_is_sent_in_several(connect: Connect) -> None:
    long = [replace(a_status(f"venue{n}"), reason="x" * 10_000) for n in range(300)]

    async with connect() as bus, a_mailbox(bus, capacity=1) as mailbox:
        await bus.publish(long)
        async with asyncio.timeout(WITHIN_S):
            first = await mailbox.receive(1_000)
            await mailbox.failed()
        read = await read_until_seen(mailbox, {long[-1]})

    assert 1 < len(first) <= 110
    assert read == long


async def test_first_node_that_answers_is_used(connect: Connect, amqp_url: str) -> None:
    async with connect(f"amqp://guest:guest@127.0.0.1:1/,{amqp_url}") as bus:
        await bus.publish([a_trade()])
        await bus.flush()

    assert bus.counters.confirmed == 1


async def test_nodes_that_are_dead_are_passed_over_at_once(connect: Connect, amqp_url: str) -> None:
    dead = ",".join(f"amqp://guest:guest@127.0.0.1:{port}/" for port in range(1, 6))

    async with asyncio.timeout(2), connect(f"{dead},{amqp_url}") as bus:
        assert bus.counters.connects == 1


async def test_broker_that_is_away_is_told_in_one_sentence_without_the_password() -> None:
    with pytest.raises(BusUnavailableError) as raised:
        async with connect_amqp("amqp://me:secret@127.0.0.1:1/", connect_timeout_s=0.3):
            pass

    assert "RabbitMQ at 127.0.0.1:1 does not answer" in str(raised.value)
    assert "start it or correct the bus URL" in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_server_that_takes_connections_and_says_nothing_is_away() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BusUnavailableError, match=r"tried for 0\.3 s"):
            async with connect_amqp(f"amqp://127.0.0.1:{port}/", connect_timeout_s=0.3):
                pass


async def test_wrong_password_is_told_at_once_and_not_shown(
    connect: Connect, amqp_url: str
) -> None:
    with pytest.raises(SettingsError, match="correct user, password") as raised:
        async with connect(amqp_url.replace("guest:guest", "guest:secret")):
            pass

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://me:secret@host/", "amqp://", "amqp://me:secret@host:99999/", "rabbit"]
)
async def test_url_that_is_none_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError, match="amqp://user:password@host:port/vhost") as raised:
        async with connect_amqp(url):
            pass

    assert "secret" not in str(raised.value)


async def test_certificates_cannot_be_left_unverified() -> None:
    with pytest.raises(SettingsError, match="always verified"):
        async with connect_amqp("amqps://host/?no_verify_ssl=1"):
            pass


async def test_certificate_of_an_unknown_authority_is_refused_and_of_a_named_one_taken(
    connect: Connect, amqp_url: str, tmp_path: Path
) -> None:
    certificate = await asyncio.to_thread(a_certificate, tmp_path)
    secured = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secured.load_cert_chain(certificate)

    async with Proxy(amqp_url, secured=secured).running() as proxy:
        with pytest.raises(SettingsError, match="a certificate that we do not trust"):
            async with connect(proxy.url):
                pass
        async with connect(f"{proxy.url}?cafile={certificate}") as bus:
            await bus.publish([a_trade()])
            await bus.flush()

    assert bus.counters.confirmed == 1


async def test_error_of_the_body_passes_unchanged(connect: Connect) -> None:
    with pytest.raises(LookupError, match="ours"):
        async with connect() as bus, a_mailbox(bus):
            raise LookupError("ours")


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(url) as connection:
        yield await connection.channel()


async def _dead_letters(bus: Bus) -> Sequence[DeadLetter]:
    """Return the dead letters once there are any."""
    async with asyncio.timeout(WITHIN_S):
        while not (letters := await bus.dead_letters(10)):
            continue
    return letters
