"""What an outbox has no room for: on disk in the order it came, until there is room again.

Only what must not be lost goes there. Of kinds that only the latest matters of, the newest of each
key waits in memory, and overtakes what is on disk; but nothing of a venue overtakes a status on
disk that ends the life of that venue's quotes.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from infrastructure.bus.amqp.lanes import Lane
from infrastructure.bus.amqp.spool import Spool
from market import Event, VenueStatus

Positions = Sequence[tuple[Lane, int]]


class Spill:
    """Events in, while there is no room; out again, oldest first, and off the disk once safe.

    ``waiting`` counts those of this process, on disk or held behind a status, ``restored`` those of
    an earlier process that came out.
    """

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.waiting = 0
        self.restored = 0
        self.written = 0
        self.moved = 0
        self._held_until: dict[str, int] = {}
        self._held: dict[str, dict[str, Event]] = {}
        self._ends: deque[Positions] = deque()

    @property
    def is_active(self) -> bool:
        """Whether there is something on disk that what comes now must not overtake."""
        return self.spool.has_unread

    def put(self, events: Sequence[Event]) -> bool:
        """Write the events, oldest first; return whether there was room.

        Raises:
            SpoolError: see `Spool.append`.

        """
        if not events:
            return True
        if not self.spool.append(events):
            return False
        self.written += 1
        self.waiting += len(events)
        for event in events:
            if isinstance(event, VenueStatus) and event.state != "live":
                self._held_until[event.venue] = self.written
        return True

    def hold_behind(self, status: VenueStatus) -> None:
        """Hold what the venue tells from now on until the status, which is put next, comes out."""
        if status.state != "live":
            self._held_until[status.venue] = self.written + 1

    def holds(self, venue: str) -> bool:
        """Tell whether what the venue tells is held."""
        return venue in self._held_until

    def hold(self, venue: str, key: str, event: Event) -> bool:
        """Hold the event; return whether it took the place of another."""
        held = self._held.setdefault(venue, {})
        takes_a_place = key in held
        held[key] = event
        self.waiting += not takes_a_place
        return takes_a_place

    def next(self) -> Sequence[Event]:
        """Return the next that is to be sent; empty: there is nothing more on disk.

        Raises:
            SpoolError: see `Spool.read`.

        """
        if (record := self.spool.read()) is None:
            return ()
        if not record.is_ours:
            self.restored += len(record.events)
            return record.events
        self.moved += 1
        events = [*record.events, *self._let_go()]
        self.waiting -= len(events)
        return events

    def note_moved(self, ends: Iterable[tuple[Lane, int]]) -> None:
        """Note where the lanes ended when the last record was moved to them."""
        if self.spool.read_whole > len(self._ends):
            ends = list(ends)
            self._ends.extend([ends] * (self.spool.read_whole - len(self._ends)))

    def note_settled(self) -> None:
        """Delete what is safe.

        Raises:
            SpoolError: see `Spool.delete`.

        """
        while self._ends and all(lane.settled >= end for lane, end in self._ends[0]):
            self._ends.popleft()
            self.spool.delete(1)

    def park(self, events: Sequence[Event]) -> None:
        """Put back on disk what came out and is not safe, with what never was there, if any.

        Raises:
            SpoolError: see `Spool.put_first`.

        """
        if events:
            self.spool.put_first(events)
        self._ends.clear()
        self.spool.delete(self.spool.read_whole)

    def _let_go(self) -> list[Event]:
        """Return what was held behind the record that was moved."""
        events: list[Event] = []
        for venue in [v for v, until in self._held_until.items() if until <= self.moved]:
            del self._held_until[venue]
            events += self._held.pop(venue, {}).values()
        return events
