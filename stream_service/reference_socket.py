"""A WebSocket over `websockets`: bytes of the network come in, all frames that are there go out.

The library's own queue gives out one frame at a time, which costs more than reading it; here a
burst wakes its reader once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

CLOSE_TIMEOUT_S = 1.0
_CONTENT = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class ReferenceConnection(ClientConnection):
    """One connection; see `Socket` in `stream_service.transport` for what it promises.

    ``frames_waiting`` frames are read ahead; beyond it the venue is held back by TCP.
    """

    frames_waiting = 1_024

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._whole: list[bytes] = []
        self._parts: list[bytes] = []
        self._arrived = asyncio.Event()
        self._is_paused = False

    async def frames(self) -> Sequence[bytes]:
        """See `Socket.frames`."""
        if not self._whole:
            await self._arrived.wait()
        frames, self._whole = self._whole, []
        if not frames:
            return (await super().recv(decode=False),)  # it says why there is none
        if not self.recv_messages.closed:
            self._arrived.clear()
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        return frames

    def process_event(self, event: Any) -> None:
        """Keep a frame for `frames`; leave all else to the library."""
        if not isinstance(event, Frame) or event.opcode not in _CONTENT:
            super().process_event(event)
        elif event.fin and not self._parts:
            self._take(bytes(event.data))
        else:
            self._parts.append(bytes(event.data))
            if event.fin:
                whole, self._parts = b"".join(self._parts), []
                self._take(whole)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol.connection_lost`."""
        super().connection_lost(exc)
        self._arrived.set()

    def _take(self, frame: bytes) -> None:
        self._whole.append(frame)
        self._arrived.set()
        if len(self._whole) >= self.frames_waiting and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()


class ReferenceSocket:
    """What is promised of a connection, frame by frame too."""

    def __init__(self, connection: ReferenceConnection) -> None:
        self.frames = connection.frames
        self._connection = connection
        self._waiting: list[bytes] = []

    async def recv(self, *, decode: bool = False) -> bytes:
        """See `Socket.recv`."""
        del decode
        if not self._waiting:
            self._waiting = list(reversed(await self.frames()))
        return self._waiting.pop()

    async def send(self, message: bytes, text: bool | None = None) -> None:  # noqa: FBT001  # theirs
        """See `Socket.send`."""
        await self._connection.send(message, text=text)


@asynccontextmanager
async def open_reference_socket(  # noqa: PLR0913  # what `open_socket` knows
    url: str,
    *,
    context: ssl.SSLContext | None,
    through_proxy: bool,
    dial_timeout_s: float,
    ping_every_s: float,
    frames_waiting: int,
    largest: int,
    user_agent: str,
    next_address_s: float,
) -> AsyncIterator[ReferenceSocket]:
    """Connect for as long as the context lasts; see `open_socket`."""
    async with connect(
        url,
        compression=None,
        open_timeout=dial_timeout_s,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=ping_every_s,
        ping_timeout=None,  # some venues do not answer
        max_size=largest,
        proxy=True if through_proxy else None,
        ssl=context,
        user_agent_header=user_agent,
        create_connection=ReferenceConnection,
        **_beside(next_address_s),
    ) as connection:
        ours = cast("ReferenceConnection", connection)
        ours.frames_waiting = frames_waiting
        yield ReferenceSocket(ours)


def _beside(next_address_s: float) -> dict[str, Any]:
    """Try addresses beside one another where the event loop can; uvloop's cannot."""
    is_pythons = isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop)
    return {"happy_eyeballs_delay": next_address_s} if is_pythons else {}
