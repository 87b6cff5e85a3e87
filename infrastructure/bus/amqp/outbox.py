"""What waits to be sent: events in, batches out, in the order they came."""

import asyncio
from collections.abc import Sequence

from infrastructure.bus.amqp.lanes import Lane, Lanes
from infrastructure.bus.port import LATEST_ONLY
from market import Event, VenueStatus, routing_key

_LATEST_ONLY = frozenset(LATEST_ONLY)


class Outbox:
    """Bounded. Above ``conflate_above`` waiting events it conflates, at ``limit`` it holds back.

    Conflating puts a newer event of a `LATEST_ONLY` kind in the place of the one that waits under
    the same routing key, so that no key waits longer for being updated. It never moves a quote to
    before a status that ended the life of its venue's quotes.
    """

    def __init__(self, *, limit: int, conflate_above: int, partitions: int = 1) -> None:
        self.conflated = 0
        self.published = 0
        self.partitions = partitions
        self.lanes = Lanes(partitions)
        self._limit = limit
        self._conflate_above = conflate_above
        self._waiting = 0
        self._newest: dict[str, tuple[Lane, int]] = {}
        self._emptied = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def unsettled(self) -> int:
        """Events that were accepted and are not confirmed."""
        return self.lanes.accepted - self.lanes.settled

    async def add(self, events: Sequence[Event]) -> None:
        """Take the events in; wait while there is no room."""
        if self._waiting + len(events) <= self._conflate_above:
            self.published += len(events)
            self._waiting += len(events)
            self.lanes.put(events)
            return
        for event in events:
            while not self._put(event):
                self._emptied.clear()
                await self._emptied.wait()
            self.published += 1
        await asyncio.sleep(0)  # let the sender run before more is conflated

    async def take(self, lane: Lane, at_most: int) -> Sequence[Event]:
        """Wait for the next events of a lane; each is to be settled or given back."""
        events = await lane.take(at_most)
        self._waiting -= len(events)
        if self._waiting < self._conflate_above:
            self._newest.clear()  # what comes now is appended and must not be overtaken
        self._emptied.set()
        return events

    def give_back(self, lane: Lane, number: int) -> None:
        """Have the events of the lane that were taken last wait again."""
        lane.give_back(number)
        self._waiting += number

    def settle(self, lane: Lane, number: int) -> None:
        """Note that the oldest ``number`` events of the lane that were taken are safe."""
        self.lanes.settle(lane, number)
        self._moved.set()

    async def settled(self) -> None:
        """Return once all that was accepted before this call is safe."""
        targets = [(lane, lane.end) for lane in self.lanes]
        while any(lane.settled < target for lane, target in targets):
            self._moved.clear()
            await self._moved.wait()

    def _put(self, event: Event) -> bool:
        """Append the event or conflate it; return whether there was room."""
        if self._waiting < self._conflate_above:
            self._append(event)
            return True
        key = routing_key(event) if type(event) in _LATEST_ONLY else None
        if key and self._conflate(key, event):
            return True
        if self._waiting >= self._limit:
            return False
        lane = self._append(event)
        if key:
            self._newest[key] = lane, lane.end - 1
        elif isinstance(event, VenueStatus) and event.state != "live":
            self._let_none_overtake(event)
        return True

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
