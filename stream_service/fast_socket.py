"""A WebSocket over picows: what the network brings comes in, all frames that are there go out.

picows hands over each frame in a callback, so that a burst wakes its reader once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

log = structlog.get_logger()

CLOSE_TIMEOUT_S = 1.0


class FastSocket(WSListener):
    """One connection; see `Socket` in `stream_service.transport` for what it promises.

    Args:
        frames_waiting: Frames that are read ahead; beyond it the venue is held back by TCP.
        largest: Bytes of a frame and of one that comes in parts.
        ping_every_s: Nobody waits for the answers, which some venues do not give.

    """

    def __init__(self, *, frames_waiting: int, largest: int, ping_every_s: float) -> None:
        super().__init__()
        self._ping_every_s = ping_every_s
        self._next_ping: asyncio.TimerHandle | None = None
        self._frames_waiting = frames_waiting
        self._largest = largest
        self._frames: list[bytes] = []
        self._parts = bytearray()
        self._arrived = asyncio.Event()
        self._is_paused = False
        self._is_over = True
        self._is_unwanted = False
        self._why = ""
        self._transport: WSTransport

    async def frames(self) -> Sequence[bytes]:
        """See `Socket.frames`."""
        if not self._frames:
            await self._arrived.wait()
        frames, self._frames = self._frames, []
        if not frames:
            raise ConnectionResetError(self._why)
        if not self._is_over:
            self._arrived.clear()
        if self._is_paused:
            self._is_paused = False
            self._transport.underlying_transport.resume_reading()
        return frames

    async def recv(self, *, decode: bool = False) -> bytes:
        """See `Socket.recv`."""
        del decode
        first, *rest = await self.frames()
        self._frames[:0] = rest
        if self._frames:
            self._arrived.set()
        return first

    async def send(self, message: bytes, text: bool | None = None) -> None:  # noqa: FBT001  # theirs
        """See `Socket.send`."""
        if self._is_over:
            raise ConnectionResetError(self._why)
        self._transport.send(WSMsgType.TEXT if text else WSMsgType.BINARY, message)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """See `WSListener`."""
        if self._is_unwanted:
            transport.disconnect(graceful=False)
            return
        self._transport = transport
        self._is_over = False
        self._ping_later()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """See `WSListener`.

        What is longer than the protocol's own words can be is content. To ask for the kind of a
        frame costs as much as to take its bytes.
        """
        if _LONGEST_WORD < frame.payload_size <= self._largest and frame.fin and not self._parts:
            frames = self._frames  # what `_take` does, without its call
            if not frames:
                self._arrived.set()
            frames.append(frame.get_payload_as_bytes())
            if len(frames) >= self._frames_waiting:
                self._pause()
        else:
            self._on_rare_frame(transport, frame)

    def _on_rare_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        is_whole = kind in _WHOLE and frame.fin and not self._parts
        if is_whole and frame.payload_size <= self._largest:
            self._take(frame.get_payload_as_bytes())
        elif kind in _CONTENT:
            self._join(transport, frame)
        elif kind is _CLOSE:
            code, reason = frame.get_close_code(), frame.get_close_reason()
            self._why = f"the venue closed the connection: {code} {reason or ''}".rstrip()
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """See `WSListener`."""
        del transport
        if self._next_ping:
            self._next_ping.cancel()
        self._why = self._why or "the connection broke"
        self._is_over = True
        self._arrived.set()

    async def close(self) -> None:
        """Say goodbye, and wait for the answer for a while."""
        if not self._is_over:
            self._transport.send_close(WSCloseCode.OK)
            if self._is_paused:
                self._transport.underlying_transport.resume_reading()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._transport.wait_disconnected()
            except (TimeoutError, WSError) as error:
                log.debug("socket.goodbye_unanswered", why=repr(error))
        self._transport.disconnect(graceful=False)

    def hang_up(self) -> None:
        """Leave no connection open, nor one that comes about later."""
        self._is_unwanted = True
        if not self._is_over:
            self._transport.disconnect(graceful=False)

    def _ping_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._next_ping = loop.call_later(self._ping_every_s, self._ping)

    def _ping(self) -> None:
        self._transport.send_ping()
        self._ping_later()

    def _take(self, frame: bytes) -> None:
        """Note a frame that is whole, and wake who waits; read no more where many wait."""
        frames = self._frames
        if not frames:
            self._arrived.set()
        frames.append(frame)
        if len(frames) >= self._frames_waiting:
            self._pause()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.underlying_transport.pause_reading()

    def _join(self, transport: WSTransport, frame: WSFrame) -> None:
        """Put the parts of a frame together."""
        self._parts += frame.get_payload_as_bytes()
        if len(self._parts) > self._largest:
            self._why = f"a frame has more than {self._largest} bytes"
            transport.disconnect(graceful=False)
        elif frame.fin:
            whole, self._parts = bytes(self._parts), bytearray()
            self._take(whole)


_LONGEST_WORD = 125
"""Bytes of a ping, a pong or a close at most (RFC 6455, 5.5)."""

_WHOLE = (WSMsgType.TEXT, WSMsgType.BINARY)
_CONTENT = (*_WHOLE, WSMsgType.CONTINUATION)
_CLOSE = WSMsgType.CLOSE


@asynccontextmanager
async def open_fast_socket(  # noqa: PLR0913  # what `open_socket` knows
    url: str,
    *,
    context: ssl.SSLContext | None,
    through_proxy: bool,
    dial_timeout_s: float,
    ping_every_s: float,
    frames_waiting: int,
    largest: int,
    extra_headers: Mapping[str, str],
    happy_eyeballs_delay: float,
) -> AsyncIterator[FastSocket]:
    """Connect for as long as the context lasts; see `open_socket`."""
    socket = FastSocket(frames_waiting=frames_waiting, largest=largest, ping_every_s=ping_every_s)
    dialling = asyncio.ensure_future(
        ws_connect(
            lambda: socket,
            url,
            ssl_context=context,
            websocket_handshake_timeout=dial_timeout_s,
            max_frame_size=largest,
            extra_headers=extra_headers,
            happy_eyeballs_delay=happy_eyeballs_delay,
            proxy=get_proxy(parse_uri(url)) if through_proxy else None,
        )
    )
    try:
        async with asyncio.timeout(dial_timeout_s):
            await asyncio.shield(dialling)
    except BaseException:
        socket.hang_up()
        await _settled(dialling)
        raise
    try:
        yield socket
    finally:
        await socket.close()


async def _settled(dialling: asyncio.Future[tuple[WSTransport, WSListener]]) -> None:
    """Wait for a while for how dialling ends that was cut short.

    picows that is cancelled in its handshake goes on with it: until the answer comes, when the
    socket hangs up, or until its own time is over.
    """
    dialling.add_done_callback(lambda dialled: dialled.cancelled() or dialled.exception())
    try:
        await asyncio.wait({dialling}, timeout=CLOSE_TIMEOUT_S)
    finally:
        dialling.cancel()
