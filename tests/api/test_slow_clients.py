"""Clients that read slowly or not at all: they lose what is old, and nobody else loses anything."""

import asyncio
import base64
import json
import os
import socket
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from api_service.channels import QuotesChannel
from api_service.lossless import LosslessStream, TradesChannel
from api_service.rows import rfc3339
from api_service.selection import Filter
from api_service.server import ApiServer
from api_service.streams import LatestStream, StreamKey
from api_service.subscriptions import WAITING_AT_MOST, Outbox
from tests.api.serving import Api, an_api, live, served
from tests.making import SECOND, a_quote, a_trade
from tests.waiting import eventually

TRADES_A_BATCH = 500


async def feed_trades(api: Api, batches: int) -> None:
    """Feed full batches, letting everybody else run in between."""
    for batch in range(batches):
        first = batch * TRADES_A_BATCH
        numbers = range(first, first + TRADES_A_BATCH)
        await api.feed(*(a_trade(number=n, at_ns=SECOND * (n + 1)) for n in numbers))
        await asyncio.sleep(0.006)


def read_whole(outbox: Outbox) -> list[dict[str, Any]]:
    """Take everything that waits."""
    messages = []
    while (text := outbox.next()) is not None:
        messages.append(json.loads(text))
    return messages


async def test_a_client_that_missed_updates_of_the_latest_gets_one_snapshot(api: Api) -> None:
    key = StreamKey("quotes", Filter(), 20, "latest")
    stream, slow, swift = LatestStream(key, 1, QuotesChannel(api.view)), Outbox(), Outbox()
    stream.subscribe(slow)
    stream.subscribe(swift)
    heard = read_whole(swift)
    slow.next()

    for bid in (1.0, 2.0, 3.0):
        await api.feed(a_quote(bid=bid))
        stream.flush()
        heard += read_whole(swift)
    caught_up = read_whole(slow)

    assert [message["type"] for message in heard] == ["snapshot", "update", "update", "update"]
    assert [message["type"] for message in caught_up] == ["snapshot"]
    assert caught_up[0]["seq"] == heard[-1]["seq"]
    assert caught_up[0]["data"][0]["bid"] == "3.0"


async def test_a_client_that_has_no_room_for_trades_is_told_which_it_lost(api: Api) -> None:
    key = StreamKey("trades", Filter(limit=0), 200, "all")
    stream, outbox = LosslessStream(key, 1, TradesChannel(api.view)), Outbox()
    stream.subscribe(outbox)
    seen = read_whole(outbox)[0]["seq"]

    for number in range(WAITING_AT_MOST + 10):
        stream.note(a_trade(number=number, at_ns=SECOND * (number + 1)))
        stream.flush()
    gap, *updates = read_whole(outbox)

    assert (gap["type"], gap["reason"]) == ("gap", "slow_consumer")
    assert gap["from_seq"] == seen + 1
    assert updates[0]["seq"] == gap["to_seq"] + 1
    assert [after["seq"] - before["seq"] for before, after in pairwise(updates)] == [1] * (
        len(updates) - 1
    )
    assert (outbox.frames, outbox.bytes) == (0, 0)


@pytest.mark.parametrize("seen_seq", [-7, 1, 2_000])
async def test_who_comes_back_too_late_is_told_what_is_lost(seen_seq: int, api: Api) -> None:
    key = StreamKey("trades", Filter(limit=0), 200, "all")
    stream, outbox = LosslessStream(key, 1, TradesChannel(api.view)), Outbox()
    for number in range(9_000):
        stream.note(a_trade(number=number, at_ns=SECOND * (number + 1)))
        stream.flush()

    stream.subscribe(outbox, seen_seq)
    gap, *updates = read_whole(outbox)

    assert (gap["type"], gap["reason"]) == ("gap", "resume")
    assert gap["from_seq"] == max(seen_seq, 1) + 1
    assert f"start={rfc3339(max(seen_seq, 1) * SECOND)}" in gap["backfill"]
    assert (updates[0]["seq"], updates[-1]["seq"]) == (gap["to_seq"] + 1, stream.seq)


async def test_what_a_slow_client_lost_can_be_read_where_the_gap_says() -> None:
    api = an_api()
    async with served(api.app) as server, live(server, max_queue=1) as client:
        await client.subscribe("trades", limit=0)
        last_seq = (await client.hear("snapshot"))["seq"]
        client.connection.transport.pause_reading()
        await feed_trades(api, batches=60)
        client.connection.transport.resume_reading()

        heard: list[int] = []
        gaps = []
        while not heard or heard[-1] < 60 * TRADES_A_BATCH - 1:
            message = await client.hear("update", "gap")
            assert message.get("seq", message.get("from_seq")) == last_seq + 1
            if message["type"] == "gap":
                gaps.append(message)
                last_seq = message["to_seq"]
            else:
                heard += [int(trade["id"]) for trade in message["data"]]
                last_seq = message["seq"]

        await api.store.write(
            [a_trade(number=n, at_ns=SECOND * (n + 1)) for n in range(60 * TRADES_A_BATCH)]
        )
        for gap in gaps:
            heard += await _backfilled(server, gap["backfill"])
    api.store.close()

    assert gaps
    assert set(heard) == set(range(60 * TRADES_A_BATCH))


async def test_a_client_that_never_reads_is_dropped_and_others_lose_nothing() -> None:
    api = an_api(write_timeout_s=1.0)
    async with served(api.app, dead_after_ms=1_000) as server, live(server) as good:
        stuck = await _a_client_that_never_reads(server)
        await good.subscribe("trades", limit=0)
        last_seq = (await good.hear("snapshot"))["seq"]
        await eventually(lambda: api.hub.clients == 2)

        feeding = asyncio.create_task(feed_trades(api, batches=60))
        heard: list[int] = []
        while len(heard) < 60 * TRADES_A_BATCH:
            update = await good.hear("update", "gap")
            assert (update["type"], update["seq"]) == ("update", last_seq + 1)
            last_seq = update["seq"]
            heard += [int(trade["id"]) for trade in update["data"]]
        await feeding

        await eventually(lambda: api.hub.clients == 1, within_s=5.0)
        await eventually(lambda: server.connections == 1, within_s=10.0)
        stuck.close()
    api.store.close()

    assert heard == list(range(60 * TRADES_A_BATCH))


async def _backfilled(server: ApiServer, path: str) -> list[int]:
    """Read every page at ``path``."""
    found: list[int] = []
    following: str | None = path
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        while following is not None:
            answer = (await client.get(following)).json()
            found += [int(trade["id"]) for trade in answer["data"]]
            following = answer["next"]
    return found


async def _a_client_that_never_reads(server: ApiServer) -> socket.socket:
    """Connect and subscribe to trades with a bare socket."""
    loop = asyncio.get_running_loop()
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    bare.setblocking(False)  # noqa: FBT003  # the library has it so
    await loop.sock_connect(bare, ("127.0.0.1", server.port))
    key = base64.b64encode(os.urandom(16)).decode()
    await loop.sock_sendall(
        bare,
        (
            f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode(),
    )
    await loop.sock_recv(bare, 4096)
    text = b'{"op":"subscribe","channel":"trades"}'
    await loop.sock_sendall(bare, bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    return bare
