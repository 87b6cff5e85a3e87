"""One client of the live feed as the hub knows it: its session, its outbox, what it follows."""

import asyncio
import contextlib
import secrets

import msgspec

from api_service.live_protocol import write
from api_service.rows import MS, rfc3339
from api_service.streams import Stream
from api_service.subscriptions import Outbox, Subscription
from api_service.view import LatestView


class Ending(msgspec.Struct, frozen=True):
    """How a connection is closed."""

    code: int
    reason: str


class LiveClient:
    """Gathers what is to be sent over one connection; who owns the socket takes it with `next`.

    Args:
        view: Where the time and the lag are read.
        heartbeat_s: A heartbeat is sent that often, whatever else is.

    """

    def __init__(self, view: LatestView, heartbeat_s: float) -> None:
        self.session = secrets.token_urlsafe(16)
        self.outbox = Outbox()
        self.following: dict[str, tuple[Stream, Subscription]] = {}
        self.ending: Ending | None = None
        self._view = view
        self._heartbeat_s = heartbeat_s
        self._loop = asyncio.get_running_loop()
        self._next_beat = self._loop.time() + heartbeat_s

    async def next(self) -> str | None:
        """Wait for the next frame to be sent; None: the connection is to be closed."""
        while True:
            if self._loop.time() >= self._next_beat and self.ending is None:
                return self._heartbeat()
            if (text := self.outbox.next()) is not None:
                return text
            if self.ending is not None:
                return None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_beat):
                    await self.outbox.arrived.wait()

    def answer(self, text: str) -> None:
        """Send an answer; a client that asks on and on without reading is closed."""
        if self.ending is None and not self.outbox.post(text):
            self.end(4408, "answers are not read")

    def end(self, code: int, reason: str, last_words: str | None = None) -> None:
        """Send the answers that wait and ``last_words``, then close."""
        if self.ending is None:
            self.ending = Ending(code, reason)
            self.outbox.close(last_words)

    def unfollow(self, sub: str) -> Stream | None:
        """Take ``sub`` off; return its stream, None where there is no such subscription."""
        if sub not in self.following:
            return None
        stream, subscription = self.following.pop(sub)
        stream.subscriptions.discard(subscription)
        subscription.end()
        return stream

    def _heartbeat(self) -> str:
        self._next_beat = self._loop.time() + self._heartbeat_s
        return write(
            {
                "type": "heartbeat",
                "time": rfc3339(self._view.clock()),
                "lag_ms": round(self._view.lag_ns / MS, 1),
                "streams": {stream.name: stream.seq for stream, _ in self.following.values()},
            }
        )
