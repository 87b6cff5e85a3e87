"""The lanes of an outbox: one a partition, each in order, none waiting for another.

What is for all partitions (how a whole venue does) has a lane of its own: it leaves once all that
came before it is safe, and nothing that came after it leaves before it is safe itself. With a
single partition there is one lane, and it holds everything.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

from market import Event
from market.routing import partition_of

ALL = -1
"""The partition of what is for all of them."""

DROP_ABOVE = 4_096
"""Safe events that are let go of at once: one by one would move all others each time."""


class Lane:
    """What waits for one partition, oldest first.

    Positions count all that ever came: below ``settled`` it is safe, from there to ``taken`` it is
    on its way. At the first of ``stops`` what is for all partitions goes first.
    """

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.settled = 0
        self.taken = 0
        self.stops: deque[int] = deque()
        self._events: list[Event] = []
        self._first = 0
        self._moved = asyncio.Event()

    @property
    def end(self) -> int:
        """The position after the newest event."""
        return self._first + len(self._events)

    @property
    def is_at_stop(self) -> bool:
        """Whether all before the first stop is safe."""
        return not self.stops or self.settled >= self.stops[0]

    def put(self, events: Sequence[Event]) -> None:
        """Append the events."""
        self._events.extend(events)
        self._moved.set()

    def put_in_place_of(self, position: int, event: Event) -> bool:
        """Replace what waits at the position; return whether it still waits."""
        if position < self.taken:
            return False
        self._events[position - self._first] = event
        return True

    async def take(self, at_most: int) -> Sequence[Event]:
        """Wait for the next events, oldest first; each is to be settled or given back."""
        while not (number := self._ready(at_most)):
            self._moved.clear()
            await self._moved.wait()
        start = self.taken - self._first
        self.taken += number
        return self._events[start : start + number]

    def between(self, start: int, end: int) -> Sequence[Event]:
        """Return the events at the positions, which are not let go of yet."""
        return self._events[start - self._first : end - self._first]

    def give_back(self, number: int) -> None:
        """Have the events that were taken last wait again."""
        self.taken -= number
        self._moved.set()

    def settle(self, number: int) -> None:
        """Note that the oldest ``number`` of those that were taken are safe."""
        self.settled += number
        if (safe := self.settled - self._first) > min(DROP_ABOVE, len(self._events) - 1):
            del self._events[:safe]
            self._first = self.settled

    def wake(self) -> None:
        """Look again whether there is something to take."""
        self._moved.set()

    def _ready(self, at_most: int) -> int:
        end = self.stops[0] if self.stops else self.end
        return min(at_most, end - self.taken)


class CommonLane(Lane):
    """What is for all partitions; each of its ``stops`` ends a group that leaves together."""

    def __init__(self, others: Sequence[Lane]) -> None:
        super().__init__(ALL)
        self._others = others

    def put(self, events: Sequence[Event]) -> None:
        """Append the events and stop the other lanes here."""
        super().put(events)
        if self._has_open_group:
            self.stops[-1] = self.end
            return
        self.stops.append(self.end)
        for lane in self._others:
            lane.stops.append(lane.end)

    def settle(self, number: int) -> None:
        """See `Lane.settle`; after the last of a group the others go on."""
        super().settle(number)
        if self.settled < self.stops[0]:
            return
        self.stops.popleft()
        for lane in self._others:
            lane.stops.popleft()
            lane.wake()

    @property
    def _has_open_group(self) -> bool:
        """Whether nothing came since the last stop, and what stopped there is not on its way."""
        if not self.stops or (len(self.stops) == 1 and self.taken > self.settled):
            return False
        return all(lane.stops[-1] == lane.end for lane in self._others)

    def _ready(self, at_most: int) -> int:
        if not self.stops or not all(lane.is_at_stop for lane in self._others):
            return 0
        return super()._ready(at_most)


class Lanes:
    """All lanes of an outbox."""

    def __init__(self, partitions: int) -> None:
        self._of_partition = [Lane(partition) for partition in range(partitions)]
        self._common = CommonLane(self._of_partition)
        self._partitions = partitions

    def __iter__(self) -> Iterator[Lane]:
        yield from self._of_partition
        if self._partitions > 1:
            yield self._common

    @property
    def accepted(self) -> int:
        """Events that ever came."""
        return sum(lane.end for lane in self)

    @property
    def settled(self) -> int:
        """Those of them that are safe."""
        return sum(lane.settled for lane in self)

    @property
    def ends(self) -> list[tuple[Lane, int]]:
        """Each lane, and the position after its newest event."""
        return [(lane, lane.end) for lane in self]

    def unsettled(self) -> list[Event]:
        """Return what is not safe, in an order that it may be put in again."""
        events: list[Event] = []
        at = [lane.settled for lane in self._of_partition]
        at_common = self._common.settled
        for group, end in enumerate(self._common.stops):
            for number, lane in enumerate(self._of_partition):
                events += lane.between(at[number], lane.stops[group])
                at[number] = lane.stops[group]
            events += self._common.between(at_common, end)
            at_common = end
        for number, lane in enumerate(self._of_partition):
            events += lane.between(at[number], lane.end)
        return events

    def put(self, events: Sequence[Event]) -> None:
        """Append each event to its lane."""
        if self._partitions == 1:
            self._of_partition[0].put(events)
            return
        for event in events:
            self.lane_of(event).put((event,))

    def lane_of(self, event: Event) -> Lane:
        """Return the lane that the event belongs in."""
        if self._partitions == 1:
            return self._of_partition[0]
        partition = partition_of(event, self._partitions)
        return self._common if partition is None else self._of_partition[partition]

    def settle(self, lane: Lane, number: int) -> None:
        """See `Lane.settle`; what is for all partitions may leave then."""
        lane.settle(number)
        if lane.stops:
            self._common.wake()
