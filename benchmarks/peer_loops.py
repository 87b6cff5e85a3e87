"""Frames in, microseconds out, through the parser of cryptofeed or ccxt; run where they are.

Runs as a script in an environment of its own, which has one of the two and nothing of ours. A line
of JSON on standard input loads frames, and is answered with how many of them are read; each line
``run`` after it reads them all once, and is answered with microseconds of processor time a frame.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace
from typing import Any, TypeAlias

Load: TypeAlias = dict[str, Any]
"""``venue``, ``kind``, ``instruments`` as rows of base, quote currency, symbol, and ``frames``."""

Parser: TypeAlias = Callable[[str], Awaitable[None]]

CCXT_NAMES = {"coinbase": "coinbaseexchange"}
"""Where ccxt calls our venue by another name."""

BULLET = {
    "data": {
        "token": "none",
        "instanceServers": [{"endpoint": "wss://127.0.0.1/", "pingInterval": 18_000}],
    }
}
"""What KuCoin is dialled with, which cryptofeed asks for when it makes the feed."""


class Counter:
    """Counts the frames that gave anything."""

    def __init__(self) -> None:
        self.is_read = False

    async def heard(self, *_event: object) -> None:
        """Be called with an event and its time of receipt."""
        self.is_read = True


async def cryptofeed_parser(load: Load, counter: Counter) -> Parser:
    """Return the message handler of a feed; its callback does nothing but note the call."""
    defines = import_module("cryptofeed.defines")
    feed_class = import_module("cryptofeed.exchanges").EXCHANGE_MAP[load["venue"].upper()]
    feed_class.http_sync = SimpleNamespace(write=lambda *_asked, **_how: BULLET)
    names = {f"{base}-{quote}": symbol for base, quote, symbol in load["instruments"]}
    if load["venue"] == "bybit":  # where it tells spot from futures by a slash
        names = {name: name.replace("-", "/") for name in names}
    kinds = {"instrument_type": dict.fromkeys(names, defines.SPOT)}
    import_module("cryptofeed.symbols").Symbols.set(feed_class.id, names, kinds)
    channel = {"trade": defines.TRADES, "quote": defines.TICKER}[load["kind"]]
    feed = feed_class(symbols=list(names), channels=[channel], callbacks={channel: counter.heard})
    connection = SimpleNamespace(address="wss://127.0.0.1/spot", uuid="benchmark")

    async def parse(frame: str) -> None:
        await feed.message_handler(frame, connection, time.time())

    return parse


async def ccxt_parser(load: Load, counter: Counter) -> Parser:
    """Return the message handler of a client that never connects."""
    name: str = load["venue"]
    exchange = getattr(import_module("ccxt.pro"), CCXT_NAMES.get(name, name))()
    exchange.set_markets(
        [
            exchange.safe_market_structure(
                {
                    "id": symbol,
                    "symbol": f"{base}/{quote}",
                    "base": base,
                    "quote": quote,
                    "baseId": base,
                    "quoteId": quote,
                    "type": "spot",
                    "spot": True,
                    "active": True,
                }
            )
            for base, quote, symbol in load["instruments"]
        ]
    )
    client = exchange.client("wss://127.0.0.1/spot")
    resolve = client.resolve

    def noted(result: object, message_hash: object) -> object:
        counter.is_read = True
        return resolve(result, message_hash)

    client.resolve = noted

    async def parse(frame: str) -> None:
        client.handle_text_or_binary_message(frame)

    return parse


async def read_of(parse: Parser, frames: list[str], counter: Counter) -> int:
    """Return how many of the frames give anything; what raises gives nothing."""
    read = 0
    for frame in frames:
        counter.is_read = False
        try:
            await parse(frame)
        except Exception:  # noqa: BLE001  # whatever it raises, it does not read the frame
            return read
        read += counter.is_read
    return read


async def microseconds_of(parse: Parser, frames: list[str]) -> float:
    """Return the processor time that reading takes a frame."""
    started_ns = time.process_time_ns()
    for frame in frames:
        await parse(frame)
    return (time.process_time_ns() - started_ns) / len(frames) / 1e3


async def run(peer: str) -> None:
    """Answer the lines of standard input until it ends."""
    make = {"cryptofeed": cryptofeed_parser, "ccxt": ccxt_parser}[peer]
    parse: Parser | None = None
    frames: list[str] = []
    for line in sys.stdin:
        answer = 0.0
        if line != "run\n":
            load, counter = json.loads(line), Counter()
            frames = load["frames"]
            with suppress(Exception):  # it knows no such venue or kind
                parse = await make(load, counter)
                answer = await read_of(parse, frames, counter)
        elif parse is not None:
            answer = await microseconds_of(parse, frames)
        print(answer, flush=True)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
