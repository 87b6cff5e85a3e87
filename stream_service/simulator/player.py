"""Plays the recordings of one venue: to who connects the frames, to who asks the answers.

All comes in the order in which it was recorded. An answer waits for the frames before it to be
read, and the frames after it wait for the answer to be read, so that the sessions meet the same as
then, however fast it is played. What nobody asks for in time is passed over, and kept for who asks
later.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from stream_service.recording import Answer, Connection, Entry, Frame
from stream_service.simulator.recorded_venue import Key, RecordedVenue, key_of, name_of

log = structlog.get_logger()

AHEAD = 256
"""Frames that are sent before the first of them was read."""

CONNECTS_WITHIN_S = 60.0
ASKS_WITHIN_S = 5.0
OUT_OF_ORDER_S = 0.2
READS_WITHIN_S = 15.0
ANSWERS_WITHIN_S = 9.0
"""A client waits for 10 s."""

Body: TypeAlias = tuple[bytes, int]
"""Bytes, and when they were received."""


class Wire:
    """A connection of the client's; ``unread`` has the times of the frames it did not read yet."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.unread: deque[int] = deque()
        self.is_open = True


class Player:
    """Plays until the recordings end; ``ended`` is set then.

    Args:
        recorded: What to play.
        speed: Times as fast as it was; None: as fast as it is read.
        begins_ns: When the recordings of all venues begin.
        binary: Whether the venue sends binary frames.

    """

    def __init__(
        self, recorded: RecordedVenue, *, speed: float | None, begins_ns: int, binary: bool
    ) -> None:
        self.recorded = recorded
        self.ended = asyncio.Event()
        self._speed = speed
        self._begins_ns = begins_ns
        self._binary = binary
        self._played_ns = begins_ns
        self._place = 0
        self._started = 0.0
        self._left = Counter(recorded.answers)
        self._wires: dict[int, Wire] = {}  # by the number that the recording gives them
        self._wires_there: dict[int, Wire] = {}  # and by the client's own
        self._of: dict[int, str] = {}
        self._arrived: defaultdict[str, asyncio.Queue[Wire]] = defaultdict(asyncio.Queue)
        self._asking: defaultdict[Key, deque[asyncio.Future[Body]]] = defaultdict(deque)
        self._late: defaultdict[Key, deque[Body]] = defaultdict(deque)
        self._unasked: set[str] = set()
        self._has_moved = asyncio.Event()
        self._awaited: Key | None = None  # the next answer in the recording waits to be asked for
        self._expected: Key | None = None  # an answer was given and is not read yet

    async def run(self) -> None:
        """Play all of it."""
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        for place, (entry, body) in enumerate(self.recorded.entries()):
            self._place = place
            if self._speed and isinstance(entry, Frame | Answer):
                due_s = (entry.at_ns - self._begins_ns) / 1e9 / self._speed
                await asyncio.sleep(self._started + due_s - loop.time())
            await self._play(entry, body)
        await self._until_read()
        self.ended.set()

    def now_ns(self) -> int:
        """Return when that was received, at its time, which is read next."""
        unread = [wire.unread[0] for wire in self._wires.values() if wire.unread]
        return min(unread, default=self._played_ns)

    async def connected(self, socket: ServerConnection, of: str, link: int) -> None:
        """Take a connection of the client's until it is closed; what it sends is not read."""
        wire = self._wires_there[link] = Wire(socket)
        self._arrived[of].put_nowait(wire)
        try:
            async for _frame in socket:
                pass
        finally:
            wire.is_open = False
            wire.unread.clear()
            self._has_moved.set()

    async def answer(self, path: str) -> Body | None:
        """Return the next answer to a request; None: there is none any more.

        Raises:
            TimeoutError: it is not its turn soon.

        """
        key = key_of(path)
        if self._awaited != key and (late := self._late[key]):
            return late.popleft()
        if not self._left[key]:
            return None
        answered: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._asking[key].append(answered)
        self._has_moved.set()
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await answered

    def frame_read(self, link: int) -> None:
        """Note that the client has read a frame."""
        wire = self._wires_there.get(link)
        if wire and wire.unread:
            wire.unread.popleft()
            self._has_moved.set()

    def answer_read(self, path: str) -> None:
        """Note that the client has read an answer."""
        if self._expected == key_of(path):
            self._expected = None
            self._has_moved.set()

    async def _play(self, entry: Entry, body: bytes) -> None:
        match entry:
            case Connection():
                await self._connect(entry)
            case Frame():
                await self._send(entry, body)
            case Answer():
                await self._answer(entry, body)

    async def _connect(self, entry: Connection) -> None:
        """Wait for the client to connect as it did then, after hanging up where the venue did."""
        link, of = entry.link, name_of(entry.symbols)
        if link in self._of or self.recorded.last_frame(link) < self._place:
            return
        await self._until_read()
        for other, wire in self._wires.items():
            if self._of[other] == of and self.recorded.last_frame(other) < self._place:
                await wire.socket.close()
        self._of[link] = of
        loop = asyncio.get_running_loop()
        waits_since = loop.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECTS_WITHIN_S):
                while not (wire := await self._arrived[of].get()).is_open:
                    pass
                self._wires[link] = wire
        self._started += loop.time() - waits_since  # what was missed meanwhile is not hurried
        if link not in self._wires:
            log.warning("replay.not_connected", venue=self.recorded.name, link=link)

    async def _send(self, entry: Frame, body: bytes) -> None:
        """Send a frame; one that nobody is connected for is passed over."""
        self._played_ns = max(self._played_ns, entry.at_ns)
        wire = self._wires.get(entry.link)
        if wire is None or not wire.is_open:
            return
        if len(wire.unread) >= AHEAD:
            await self._until(lambda: len(wire.unread) < AHEAD // 2)
        wire.unread.append(entry.at_ns)
        with suppress(ConnectionClosed):
            await wire.socket.send(body, text=not self._binary)

    async def _answer(self, entry: Answer, body: bytes) -> None:
        """Give an answer to who asks for it; it is kept where nobody does, for who asks later."""
        await self._until_read()
        self._played_ns = max(self._played_ns, entry.at_ns)
        key = key_of(entry.path)
        await self._until_asked(key, entry.about[0] if entry.about else key[0])
        self._left[key] -= 1
        if not self._is_asked(key):
            self._late[key].append((body, entry.at_ns))
            return
        self._expected = key
        self._asking[key].popleft().set_result((body, entry.at_ns))
        await self._until(lambda: self._expected is None)

    async def _until_asked(self, key: Key, what: str) -> None:
        """Wait until somebody asks for it, but not long where others wait for what comes later.

        What nobody asked for once is not waited for again, such as candles by the minute when a
        minute takes no time.
        """
        self._awaited = key
        if not self._is_asked(key) and what not in self._unasked:
            await self._until(
                lambda: self._is_asked(key) or self._is_any_asked(), within_s=ASKS_WITHIN_S
            )
            await self._until(lambda: self._is_asked(key), within_s=OUT_OF_ORDER_S)
        self._awaited = None
        if self._is_asked(key):
            self._unasked.discard(what)
        elif not self._is_any_asked():
            self._unasked.add(what)

    def _is_any_asked(self) -> bool:
        return any(self._is_asked(key) for key in list(self._asking))

    def _is_asked(self, key: Key) -> bool:
        """Tell whether somebody waits for an answer, and has not given up."""
        asking = self._asking[key]
        while asking and asking[0].done():
            asking.popleft()
        return bool(asking)

    async def _until_read(self) -> None:
        """Wait until all that was sent is read; who does not read is not waited for again."""
        await self._until(lambda: not any(wire.unread for wire in self._wires.values()))
        for wire in self._wires.values():
            wire.unread.clear()

    async def _until(
        self, condition: Callable[[], bool], *, within_s: float = READS_WITHIN_S
    ) -> None:
        """Wait until ``condition`` holds, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not condition():
                    self._has_moved.clear()
                    await self._has_moved.wait()
