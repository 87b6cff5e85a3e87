"""A small API of its own: serves the page's files and speaks the contract that the page relies on.

The page in the browser cannot tell it from the real one; a test decides what there is to tell.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp import WSMsgType, web

Item: TypeAlias = dict[str, Any]

WEB = Path(__file__).parents[2] / "web"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}
KEYS: dict[str, Callable[[Item], str]] = {
    "routes": lambda item: item["id"],
    "quotes": lambda item: f"{item['venue']}:{item['symbol']}",
    "candles": lambda item: f"{item['venue']}:{item['symbol']}:{item['interval']}",
    "status": lambda item: item["subject"],
    "signals": lambda item: (
        f"{item['venue']}:{item['symbol']}:{item['strategy']} {item['parameters']}"
        f"@{item['interval']}:{item['start']}"
    ),
    "premiums": lambda item: (
        f"{item['venue']}:{item['symbol']}>{item['reference_venue']}:{item['reference_symbol']}"
        f":{item['basis']}"
    ),
}
SUSPICIOUS = {"suspicious", "identity_unverified"}
PARTS = ("legs", "curve", "receipt")


def now_text() -> str:
    """Return the time as the API writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def content_security_policy(index: str) -> str:
    """Allow the page's own files and its import map, nothing else."""
    found = re.search(r'<script type="importmap">(.*?)</script>', index, re.DOTALL)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
        "img-src 'self'; connect-src 'self' ws:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@dataclass
class Stream:
    """One subscription of one page; ``seq`` is that of the last frame sent."""

    socket: web.WebSocketResponse
    sub: str
    request: Item
    seq: int = 100


@dataclass
class FakeApi:
    """What the API knows, by channel and key, and who listens."""

    mode: str = "simulated"
    heartbeat_s: float = 5.0
    refuses: dict[str, Item] = field(default_factory=dict)
    known: dict[str, dict[str, Item]] = field(
        default_factory=lambda: {channel: {} for channel in KEYS}
    )
    history: list[Item] = field(default_factory=list)
    gaps: list[Item] = field(default_factory=list)
    signals: list[Item] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    asked: list[Item] = field(default_factory=list)
    url: str = ""
    reachable: bool = True
    silent: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)

    async def put(self, channel: str, *items: Item, gone: Iterable[str] = ()) -> None:
        """Change what is known, and tell whoever listens."""
        for item in items:
            self.known[channel][KEYS[channel](item)] = item
        gone = list(gone)
        for key in gone:
            self.known[channel].pop(key, None)
        async with self._turn:
            for stream in [each for each in self.streams if each.request["channel"] == channel]:
                stream.seq += 1
                told = [_told(stream.request, item) for item in items]
                await self._send(
                    stream.socket,
                    {"type": "update", "sub": stream.sub, "seq": stream.seq, "merged": 1}
                    | {"data": [item for item in told if item], "gone": gone}
                    | self._about(stream.request),
                )

    async def hang_up(self) -> None:
        """Close every live connection and refuse new ones until ``reachable`` is set."""
        self.reachable = False
        for socket in list(self._sockets):
            await socket.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeApi"]:
        """Listen on a free port of loopback; ``url`` says where."""
        app = web.Application()
        app.router.add_get("/v1/live", self._live)
        app.router.add_get("/v1/candles", self._candles)
        app.router.add_get("/v1/gaps", self._gaps)
        app.router.add_get("/v1/signals", self._signals)
        app.router.add_get("/{path:.*}", _file)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await self.hang_up()
            await runner.cleanup()

    async def _candles(self, request: web.Request) -> web.Response:
        query = request.query
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        market = (query["venue"], query["symbol"], query["interval"])
        found = [
            each
            for each in self.history
            if (each["venue"], each["symbol"], each["interval"]) == market
            and start <= datetime.fromisoformat(each["start"]) < end
        ]
        found.sort(key=lambda each: each["start"], reverse=query.get("order") == "desc")
        meta = {"mode": self.mode, "as_of": now_text(), "stale": False}
        data = found[: int(query.get("limit", "100"))]
        return web.json_response({"data": data, "next": None, "meta": meta})

    async def _gaps(self, request: web.Request) -> web.Response:
        names = ("venue", "symbol", "channel")
        asked = {name: request.query[name] for name in names if name in request.query}
        found = [each for each in self.gaps if asked.items() <= each.items()]
        totals = [
            {"venue": venue, "gaps": sum(each["venue"] == venue for each in found)}
            | {"seconds": 120.0, "missing": 7}
            for venue in sorted({each["venue"] for each in found})
        ]
        meta = {"mode": self.mode, "as_of": now_text(), "stale": False}
        return web.json_response({"data": found, "next": None, "totals": totals, "meta": meta})

    async def _signals(self, request: web.Request) -> web.Response:
        asked = {name: request.query[name] for name in ("venue", "symbol")}
        found = [each for each in self.signals if asked.items() <= each.items()]
        meta = {"mode": self.mode, "as_of": now_text(), "stale": False}
        return web.json_response({"data": found, "next": None, "meta": meta})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if not self.reachable:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        heart = asyncio.create_task(self._beat(socket))
        try:
            await self._talk(socket)
        finally:
            heart.cancel()
            self._sockets.discard(socket)
            self.streams = [each for each in self.streams if each.socket is not socket]
        return socket

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        welcome = {"type": "welcome", "session": "s", "protocol": 1, "mode": self.mode}
        await self._send(socket, welcome | {"heartbeat_s": 5, "resume_s": 60, "time": now_text()})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(socket, json.loads(message.data))

    async def _answer(self, socket: web.WebSocketResponse, asked: Item) -> None:
        self.asked.append(asked)
        match asked["op"]:
            case "ping":
                times = {"time_in": now_text(), "time_out": now_text()}
                await self._send(socket, {"type": "pong", "id": asked["id"], **times})
            case "unsubscribe":
                self.streams = [each for each in self.streams if each.sub != asked["sub"]]
            case "subscribe" if problem := self.refuses.get(asked["channel"]):
                await self._send(socket, {"type": "error", "id": asked["id"], "problem": problem})
            case "subscribe":
                async with self._turn:
                    await self._subscribe(socket, asked)

    async def _subscribe(self, socket: web.WebSocketResponse, asked: Item) -> None:
        stream = Stream(socket, f"s{len(self.asked)}", asked)
        self.streams.append(stream)
        name = f"{asked['channel']}/{stream.sub}"
        ack = {"type": "ack", "id": asked["id"], "sub": stream.sub, "stream": name}
        await self._send(socket, ack | {"delivery": "latest", "max_hz": 4, "subscriptions": []})
        items = self.known[asked["channel"]].values()
        data = [told for item in items if (told := _told(asked, item))][: asked.get("limit")]
        snapshot = {"type": "snapshot", "sub": stream.sub, "seq": stream.seq, "data": data}
        await self._send(socket, snapshot | self._about(asked))

    def _about(self, asked: Item) -> Item:
        if asked["channel"] != "routes":
            return {}
        hidden = [item for item in self.known["routes"].values() if _is_suspicious(item)]
        return {"suspicious": 0 if asked.get("filter", {}).get("suspicious") else len(hidden)}

    async def _beat(self, socket: web.WebSocketResponse) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            mine = [each for each in self.streams if each.socket is socket]
            streams = {f"{each.request['channel']}/{each.sub}": each.seq for each in mine}
            heartbeat = {"type": "heartbeat", "time": now_text(), "lag_ms": 0, "streams": streams}
            await self._send(socket, heartbeat)

    async def _send(self, socket: web.WebSocketResponse, message: Mapping[str, Any]) -> None:
        if not self.silent and not socket.closed:
            await socket.send_str(json.dumps(message))


def _told(request: Item, item: Item) -> Item | None:
    """Return what of an item a stream tells; None: nothing."""
    terms = request.get("filter", {})
    asked = [name for name in ("venue", "symbol", "asset") if name in request]
    if not all(item.get(name) in request[name] for name in asked) or any(
        item[name] != terms[name] for name in ("id", "kind", "mode", "takeable") if name in terms
    ):
        return None
    if _is_suspicious(item) and not terms.get("suspicious"):
        return None
    told = item if request.get("detail") else {k: v for k, v in item.items() if k not in PARTS}
    return told | _at_notional(item, terms["notional"]) if "notional" in terms else told


def _is_suspicious(item: Item) -> bool:
    return not SUSPICIOUS.isdisjoint(item.get("why_not", ()))


def _at_notional(item: Item, notional: float) -> Item:
    """Tell a profit of one in a thousand."""
    profit = notional / 1_000
    told = {"amount_in": str(notional), "profit": str(profit), "profit_usd": profit}
    return {"at_notional": told | {"return_bps": 10.0}} if item["currency"] == "USDT" else {}


async def _file(request: web.Request) -> web.Response:
    name = request.match_info["path"] or "index.html"
    path = WEB / name
    if not path.is_file():
        raise web.HTTPNotFound(text=f"no file {name}")
    index = (WEB / "index.html").read_text(encoding="utf-8")
    headers = {"Content-Security-Policy": content_security_policy(index)}
    headers["Cache-Control"] = "no-cache"
    suffix = path.suffix
    kind = TYPES.get(suffix, "image/svg+xml" if suffix == ".svg" else "text/html")
    return web.Response(body=path.read_bytes(), content_type=kind, headers=headers)
