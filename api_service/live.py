"""The live feed's connections: what a client says to the hub, what its outbox holds to it."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from api_service.answers import Api
from api_service.live_client import LiveClient
from api_service.live_protocol import (
    PATH,
    PROTOCOL,
    SUBPROTOCOL,
    Message,
    MessageError,
    Ping,
    Resume,
    Subscribe,
    Unsubscribe,
    read_message,
    write,
)
from api_service.live_requests import stream_key
from api_service.live_words import Id, Told
from api_service.problems import ProblemError, fault, problem_response
from api_service.rows import rfc3339
from api_service.streams import Stream

SUBSCRIPTIONS_AT_MOST = 200
INDICATORS_AT_MOST = 20
CLOSE_TIMEOUT_S = 0.5
STRIKES = 3
"""So many messages that are no JSON, or subscriptions too many, close a connection."""

log = structlog.get_logger()


class LiveFeed:
    """Serves the live feed.

    Args:
        write_timeout_s: A client that takes nothing for that long is closed.

    """

    def __init__(self, api: Api, *, write_timeout_s: float = 10.0) -> None:
        self.api = api
        self.write_timeout_s = write_timeout_s

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one connection until either side ends it."""
        if (problem := _foreign(websocket)) is not None:
            await websocket.send_denial_response(problem_response(problem, PATH))
            return
        try:
            client = self.api.hub.connect()
        except ProblemError as error:
            await websocket.send_denial_response(problem_response(error, PATH))
            return
        try:
            await self._serve(websocket, client)
        finally:
            self.api.hub.disconnect(client)

    async def refuse_plain_http(self, request: Request) -> NoReturn:
        """Tell who asks for it as for a page what it is."""
        address = f"ws://{request.headers.get('host', '')}{PATH}"
        raise ProblemError("upgrade-required", f"The live feed is a WebSocket at {address}.")

    async def _serve(self, websocket: WebSocket, client: LiveClient) -> None:
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        client.answer(self._welcome(client))
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(websocket, client), name="api.live.read")
            await self._write(websocket, client)
            reading.cancel()

    def _welcome(self, client: LiveClient) -> str:
        return write(
            {
                "type": "welcome",
                "session": client.session,
                "protocol": PROTOCOL,
                "mode": self.api.mode,
                "heartbeat_s": self.api.hub.heartbeat_s,
                "resume_s": self.api.hub.resume_s,
                "time": rfc3339(self.api.view.clock()),
            }
        )

    async def _write(self, websocket: WebSocket, client: LiveClient) -> None:
        try:
            while (text := await client.next()) is not None:
                async with asyncio.timeout(self.write_timeout_s):
                    await websocket.send_text(text)
        except TimeoutError:
            log.warning("live.client_dropped", session=client.session[:4], reason="does not read")
            client.end(4408, "too slow")
        except WebSocketDisconnect:
            return
        if client.ending is not None:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await websocket.close(client.ending.code, client.ending.reason)

    async def _read(self, websocket: WebSocket, client: LiveClient) -> None:
        listener = _Listener(self.api, client)
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                client.end(message.get("code", 1005), "gone")
                return
            listener.hear(message.get("text") or message.get("bytes") or "")
            await asyncio.sleep(0)  # who says much at once must not keep the others from running


class _Listener:
    """Does what one client says."""

    def __init__(self, api: Api, client: LiveClient) -> None:
        self.api = api
        self.client = client
        self._strikes = 0

    def hear(self, text: str | bytes) -> None:
        """Do what a message says and answer it."""
        try:
            message = read_message(text)
        except MessageError as error:
            self._answer_problem(error, error.message_id)
            if not error.is_json:
                self._strike(4400, "no JSON")
            return
        try:
            self._do(message)
        except ProblemError as error:
            self._answer_problem(error, message.id)
            if error.kind == "too-many-subscriptions":
                self._strike(4429, "too many subscriptions")

    def _do(self, message: Message) -> None:
        match message:
            case Subscribe():
                self._check_room([message.channel])
                stream = self.api.hub.stream(stream_key(message, self.api.view))
                self._follow(stream, message.id)
            case Unsubscribe():
                self._unsubscribe(message)
            case Ping():
                now = rfc3339(self.api.view.clock())
                self._answer({"type": "pong", "id": message.id, "time_in": now, "time_out": now})
            case Resume():
                self._resume(message)

    def _follow(self, stream: Stream, message_id: Id, seen_seq: int | None = None) -> None:
        following = self.client.following
        self._answer(
            {
                "type": "ack",
                "id": message_id,
                "sub": stream.sub,
                "stream": stream.name,
                "delivery": stream.key.delivery,
                "max_hz": stream.key.max_hz,
                "subscriptions": [*{**following, stream.sub: None}],
            }
        )
        self.api.hub.follow(self.client, stream, seen_seq)

    def _check_room(self, channels: Sequence[str]) -> None:
        followed = [stream.key.channel for stream, _ in self.client.following.values()]
        all_ = [*followed, *channels]
        if len(all_) > SUBSCRIPTIONS_AT_MOST:
            detail = f"At most {SUBSCRIPTIONS_AT_MOST} subscriptions a connection."
            raise ProblemError("too-many-subscriptions", detail)
        if "indicators" in channels and all_.count("indicators") > INDICATORS_AT_MOST:
            detail = f"At most {INDICATORS_AT_MOST} indicators a connection."
            raise ProblemError("too-many-subscriptions", detail)

    def _unsubscribe(self, message: Unsubscribe) -> None:
        following = self.client.following
        if message.sub not in following:
            found = fault("sub", message.sub, "a subscription of this connection", known=following)
            detail = f"There is no subscription {message.sub} here."
            raise ProblemError("unknown-subscription", detail, [found])
        self.api.hub.unsubscribe(self.client, message.sub)
        self._answer(
            {"type": "ack", "id": message.id, "sub": message.sub, "subscriptions": [*following]}
        )

    def _resume(self, message: Resume) -> None:
        left = self.api.hub.resume(message.session)
        unknown = [sub for sub in message.streams if sub not in left]
        if unknown:
            faults = [fault(f"streams.{sub}", sub, f"one of {', '.join(left)}") for sub in unknown]
            detail = f"That session did not follow {', '.join(unknown)}."
            raise ProblemError("unknown-subscription", detail, faults)
        self._check_room([left[sub].key.channel for sub in message.streams])
        for sub, seen_seq in message.streams.items():
            self._follow(left[sub], message.id, seen_seq)

    def _answer_problem(self, problem: ProblemError, message_id: Id) -> None:
        self._answer({"type": "error", "id": message_id, "problem": problem.body(PATH)})

    def _answer(self, told: Told) -> None:
        self.client.answer(write(told))

    def _strike(self, code: int, reason: str) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            self.client.end(code, reason)


def _foreign(websocket: WebSocket) -> ProblemError | None:
    """Return why a browser's page may not connect; other programs send no origin."""
    origin = websocket.headers.get("origin")
    if origin is None or urlsplit(origin).netloc == websocket.headers.get("host"):
        return None
    return ProblemError("foreign-origin", f"The page was served by {origin}.")
