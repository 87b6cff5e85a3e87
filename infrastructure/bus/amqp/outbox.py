"""What waits to be sent: events in, batches out, in the order they came."""

import asyncio
from collections.abc import Sequence

from infrastructure.bus.amqp.lanes import Lane, Lanes
from infrastructure.bus.amqp.spill import Spill
from infrastructure.bus.port import LATEST_ONLY
from market import Event, Routes, VenueStatus, routing_key

_LATEST_ONLY = frozenset(LATEST_ONLY)

STOCK = 4_096
"""Events from disk that wait to be sent, where as many may: one by one they never catch up."""


class Outbox:
    """Bounded. Above ``conflate_above`` waiting events it conflates, at ``limit`` it is full.

    Conflating puts a newer event of a `LATEST_ONLY` kind in the place of the one that waits under
    the same routing key, so that no key waits longer for being updated. It never moves a quote to
    before a status that ended the life of its venue's quotes.

    Routes that wait are always replaced by the next ones of their base: they are large, and a
    process that is short of time would send old ones only, with all else behind them.

    Full, it spills what must not be lost to disk, or holds back where there is no ``spill``.
    """

    def __init__(
        self,
        *,
        limit: int,
        conflate_above: int,
        partitions: int = 1,
        spill: Spill | None = None,
    ) -> None:
        self.conflated = 0
        self.partitions = partitions
        self.lanes = Lanes(partitions)
        self.spill = spill
        self._published = 0
        self._limit = limit
        self._conflate_above = conflate_above
        self._waiting = 0
        self._newest: dict[str, tuple[Lane, int]] = {}
        self._routes: dict[str, tuple[Lane, int]] = {}
        self._emptied = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def published(self) -> int:
        """Events that were accepted, and those on disk of an earlier process that were moved."""
        return self._published + (self.spill.restored if self.spill else 0)

    @property
    def unsettled(self) -> int:
        """Events that were accepted and are not confirmed."""
        in_memory = self.lanes.accepted - self.lanes.settled
        return in_memory + (self.spill.waiting if self.spill else 0)

    async def add(self, events: Sequence[Event]) -> None:
        """Take the events in; wait while there is no room.

        Raises:
            SpoolError: there is none, and the disk fails.

        """
        if Routes in map(type, events):
            events = [event for event in events if not self._put_routes(event)]
        if self.spill and (self.spill.is_active or self._waiting + len(events) > self._limit):
            await self._spill(events, self.spill)
        elif self._waiting + len(events) <= self._conflate_above:
            self._newest.clear()
            self._published += len(events)
            self._waiting += len(events)
            self.lanes.put(events)
            return
        else:
            for event in events:
                while not self._put(event):
                    await self._room()
                self._published += 1
        await asyncio.sleep(0)  # let the sender run before more is conflated

    async def take(self, lane: Lane, at_most: int) -> Sequence[Event]:
        """Wait for the next events of a lane; each is to be settled or given back."""
        events = await lane.take(at_most)
        self._waiting -= len(events)
        if self._waiting < self._conflate_above:
            self._newest.clear()  # what comes now is appended and must not be overtaken
        if self.spill and self.spill.is_active:
            self._move_back(self.spill)
        self._emptied.set()
        return events

    def begin(self) -> None:
        """Take in the oldest of what an earlier process left on disk.

        Raises:
            SpoolError: the disk fails.

        """
        if self.spill:
            self._move_back(self.spill)

    def park(self) -> int:
        """Bring what is not safe and must not be lost to disk; return how many events that is.

        Raises:
            SpoolError: the disk fails.

        """
        kept = [event for event in self.lanes.unsettled() if type(event) not in _LATEST_ONLY]
        if self.spill is None:
            return 0
        self.spill.park(kept)
        return len(kept)

    def give_back(self, lane: Lane, number: int) -> None:
        """Have the events of the lane that were taken last wait again."""
        lane.give_back(number)
        self._waiting += number

    def settle(self, lane: Lane, number: int) -> None:
        """Note that the oldest ``number`` events of the lane that were taken are safe."""
        self.lanes.settle(lane, number)
        if self.spill:
            self.spill.note_settled()
            self._emptied.set()
        self._moved.set()

    async def settled(self) -> None:
        """Return once all that was accepted before this call is safe."""
        on_disk = self.spill.written if self.spill else 0
        while self.spill and self.spill.moved < on_disk:
            await self._move()
        targets = self.lanes.ends
        while any(lane.settled < target for lane, target in targets):
            await self._move()

    async def _move(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def _room(self) -> None:
        self._emptied.clear()
        await self._emptied.wait()

    async def _spill(self, events: Sequence[Event], spill: Spill) -> None:
        kept: list[Event] = []
        for event in events:
            if type(event) in _LATEST_ONLY:
                self._put_latest(event, spill)
                continue
            kept.append(event)
            if isinstance(event, VenueStatus):
                spill.hold_behind(event)
        while not spill.put(kept):
            await self._room()
        self._published += len(kept)
        if self._waiting < self._conflate_above:  # nobody takes what is not there
            self._move_back(spill)

    def _put_latest(self, event: Event, spill: Spill) -> None:
        """Take it in, however full it is: there is one of each key at most."""
        venue = str(getattr(event, "venue", ""))
        if spill.holds(venue):
            self.conflated += spill.hold(venue, routing_key(event), event)
        else:
            self._put(event, even_if_full=True)
        self._published += 1

    def _move_back(self, spill: Spill) -> None:
        """Move events from disk to the lanes until the next message can be a large one."""
        enough = max(1, min(self._limit // 2, STOCK))
        while self._waiting < enough and (events := spill.next()):
            for event in events:
                self._append_new(event)
        spill.note_moved(self.lanes.ends)
        self._moved.set()

    def _put(self, event: Event, *, even_if_full: bool = False) -> bool:
        """Append the event or conflate it; return whether there was room."""
        if self._waiting < self._conflate_above:
            self._newest.clear()
            self._append(event)
            return True
        key = routing_key(event) if type(event) in _LATEST_ONLY else None
        if key and self._conflate(key, event):
            return True
        if self._waiting >= self._limit and not even_if_full:
            return False
        self._append_new(event)
        return True

    def _put_routes(self, event: Event) -> bool:
        """Take routes in, however full it is: those of a base wait once; return whether it did."""
        if not isinstance(event, Routes):
            return False
        lane, position = self._routes.get(event.base, (None, 0))
        if lane is not None and lane.put_in_place_of(position, event):
            self.conflated += 1
        else:
            lane = self._append(event)
            self._routes[event.base] = lane, lane.end - 1
        self._published += 1
        return True

    def _append_new(self, event: Event) -> None:
        """Append the event, and note what may take its place or must not overtake it."""
        lane = self._append(event)
        if type(event) in _LATEST_ONLY:
            self._newest[routing_key(event)] = lane, lane.end - 1
        elif isinstance(event, VenueStatus) and event.state != "live":
            self._let_none_overtake(event)

    def _append(self, event: Event) -> Lane:
        lane = self.lanes.lane_of(event)
        lane.put((event,))
        self._waiting += 1
        return lane

    def _conflate(self, key: str, event: Event) -> bool:
        lane, position = self._newest.get(key, (None, 0))
        if lane is None or not lane.put_in_place_of(position, event):
            return False
        self.conflated += 1
        return True

    def _let_none_overtake(self, status: VenueStatus) -> None:
        """Have what the venue tells from now on wait behind the status."""
        stopped = [key for key in self._newest if key.split(".", 2)[1] == status.venue]
        for key in stopped:
            del self._newest[key]
