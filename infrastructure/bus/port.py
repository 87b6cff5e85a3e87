"""What the services ask of a message bus.

Delivery is at least once, and in order for one publisher and routing key. An event goes to every
mailbox whose patterns cover its routing key, and to no other.

`Bus.publish` hands events over and returns once the bus holds them; `Bus.flush` returns once they
are safe. While the broker is away, or slower than we are, events wait in a bounded outbox. What
becomes of them where it runs full goes by their kind:

    Quote, Book, Summary, Listed,      conflated (`LATEST_ONLY`): of each routing key the newest is
    Routes, ActorStatus                kept, in the place of the one that waited
    Trade, Gap, candles, VenueStatus,  never dropped: where memory is full they go to a bounded
    Episode, Premium, Signal           spool on disk, if there is one, and come back in order;
                                       where that is full too they hold the publisher back

What is on disk is sent before anything newer that is not conflated, also by the next process; it
arrives once or more, never less. A disk that fails ends the process (`SpoolError`).

A full mailbox drops its oldest events (``Overflow.DROP_OLDEST``, for views) or holds the publisher
back; the other mailboxes are read meanwhile (``Overflow.WAIT``, for what must be kept). A WAIT
mailbox outlives its process where the bus is a server: what was published while nobody listened is
there on return.

A publish that is cancelled while it is held back has handed over all, some or none of its events,
the oldest first: who publishes them again loses none, and readers may hear some of them twice.

What was received is given back when the mailbox is closed or its process dies before `done`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Protocol, TypeAlias

import msgspec

from infrastructure.books import HELD
from infrastructure.measures import Measure
from market import ActorStatus, Book, Event, Listed, Quote, Routes, Summary

LATEST_ONLY: tuple[type[Event], ...] = (
    Quote,
    Book,
    Summary,
    Listed,
    Routes,
    ActorStatus,
)
"""Kinds of event that a newer one of the same routing key makes worthless.

A venue's status is none of them: that it was down ends the life of its quotes although it is live
again, and its time closes candles, so it must not overtake the trades before it.
"""

RECENT: tuple[type[Event], ...] = (Quote, Summary, Listed, Routes)
"""Kinds of event that are told again to a view that begins (`Bus.recent`).

A book is none of them: one that is not followed from its beginning may be broken. Statuses and
actors tell of themselves every few seconds, and what they told before may be over.
"""

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Makes one round trip; raises `UnavailableError`, saying what to do, if it does not come back."""


class Overflow(Enum):
    """What a full mailbox does."""

    DROP_OLDEST = auto()
    WAIT = auto()


class DeadLetter(msgspec.Struct, frozen=True):
    """What a mailbox's actor could not handle: the event, or the bytes if they were unreadable.

    ``mailbox`` is where it would have gone, or who could make no event of it. ``at_ns``: when that
    was; 0 where nobody says, which the bus makes the time it is put aside.
    """

    mailbox: str
    reason: str
    event: Event | None = None
    body: bytes = b""
    at_ns: int = 0

    @property
    def id(self) -> str:
        """Twelve digits that name it for as long as it is kept, whatever the reason becomes."""
        body = self.body if self.event is None else msgspec.json.encode(self.event)
        named = b"%s\0%d\0%s" % (self.mailbox.encode(), self.at_ns, body)
        return hashlib.sha256(named).hexdigest()[:12]

    @property
    def venue(self) -> str:
        """The venue that it comes from; empty: none."""
        if self.event is not None:
            return str(getattr(self.event, "venue", ""))
        return self.mailbox.partition("stream.")[2]


Decide: TypeAlias = Callable[[DeadLetter], Awaitable[DeadLetter | None]]
"""Says what a dead letter becomes; None: it is done with."""


class Mailbox(Protocol):
    """The events waiting for one actor."""

    @property
    def waiting(self) -> int:
        """How many of them are in this process and wait to be received."""

    async def receive(self, at_most: int) -> Sequence[Event]:
        """Wait for the next events: at least one, and no more than ``at_most``, oldest first."""

    async def gather(self, within_s: float) -> None:
        """Leave more events time to come: so long, or until the bus sends no more ahead."""

    async def done(self) -> None:
        """Acknowledge what the last `receive` returned."""

    async def failed(self) -> None:
        """Give back what the last `receive` returned; the next one returns it again."""

    async def dead_letter(self, event: Event, reason: str) -> None:
        """Put one event of the last `receive` aside with the reason; safe once this returns."""


class Lead(Protocol):
    """A part that one process at a time has, of all that stand for it under one name.

    It is lost when the bus is; then another has it, and it may come back. Two never have it at
    once, but for what one of them publishes while it is being stopped.
    """

    @property
    def is_held(self) -> bool:
        """Whether it is ours at this moment."""

    async def held(self) -> None:
        """Wait until it is ours."""

    async def lost(self) -> None:
        """Wait until it is not ours."""


class Bus(Protocol):
    """Publish under routing keys, listen by patterns."""

    @property
    def partitions(self) -> int:
        """Into how many parts a WAIT mailbox may be split (`market.routing.partition_of`)."""

    @property
    def counts(self) -> Mapping[str, int]:
        """The books of what was published, see `infrastructure.books`."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish each event under its own routing key, in order."""

    async def flush(self) -> None:
        """Return once everything published so far is safe.

        Raises:
            BusUnavailableError: it is not within the adapter's time limit; it is still tried.

        """

    async def settle(self) -> None:
        """Return once everything published so far would outlive a crash of this process.

        Raises:
            BusUnavailableError: as `flush`. It waits for readers that are slow.

        """

    def mailbox(
        self,
        name: str,
        patterns: Sequence[str],
        *,
        capacity: int,
        overflow: Overflow,
        partition: int | None = None,
    ) -> AbstractAsyncContextManager[Mailbox]:
        """Open the mailbox ``name``, bound to ``patterns``, for as long as the context lasts.

        Two that open the same WAIT mailbox share its events between them. With ``partition`` one of
        its parts is opened: each event is in one part, in order; what is for all is in each.
        """

    def lead(self, name: str) -> AbstractAsyncContextManager[Lead]:
        """Stand for the lead of ``name`` for as long as the context lasts.

        When whoever has it leaves, or its process dies, another one gets it within five seconds.
        """

    def probing(self) -> AbstractAsyncContextManager[Check]:
        """Make ready for round trips: what is entered publishes, is confirmed, and receives.

        No mailbox hears of it, and it counts in no books.

        Raises:
            BusUnavailableError: on entering, or of a round trip; the text says what to do.

        """

    async def recent(self, patterns: Sequence[str]) -> Sequence[Event]:
        """Return the newest event of each routing key that ``patterns`` cover, of `RECENT` kinds.

        Of all processes that publish now; where the bus is a server, what came within the last
        seconds may be missing, so open the mailbox first: hearing an event twice does no harm.

        Raises:
            BusUnavailableError: the bus does not answer.

        """

    async def keep(self, name: str, patterns: Sequence[str]) -> None:
        """Have the WAIT mailbox ``name`` gather what ``patterns`` cover before anybody opens it.

        So that the first to publish need not wait for the first to listen. Where the bus has
        several partitions, all those of the mailbox gather.

        Raises:
            BusUnavailableError: the bus does not answer.

        """

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """Keep bytes that no event could be made of with the dead letters; returns once safe.

        Raises:
            BusUnavailableError: they are not, or not all of them.

        """

    async def dead_letters(self, at_most: int) -> Sequence[DeadLetter]:
        """Return the dead letters, oldest first, and leave them where they are."""

    async def revise(self, ids: Collection[str], decide: Decide) -> None:
        """Ask ``decide`` what becomes of each dead letter of these ids, oldest first.

        One is taken away, or replaced by what it became, only once ``decide`` has returned: who
        dies on the way loses none, though one that was given back may be so twice.

        Raises:
            BusUnavailableError: those that are not decided are where they were.

        """

    async def give_back(self, letter: DeadLetter) -> bool:
        """Hand its event to its mailbox alone, or where it names none to all that want it.

        It is safe once this returns; False: nobody has that mailbox, and nothing was done.

        Raises:
            BusUnavailableError: it may or may not be there.

        """

    async def being_given_back(self) -> int:
        """Return how many that were given back wait for the process that has their mailbox."""


def of_bus(counts: Mapping[str, int]) -> Iterable[Measure]:
    """Return what the books of a bus tell as measures."""
    yield Measure("bus_waiting", counts["waiting"])
    for kind, count in counts.items():
        if kind not in HELD:
            yield Measure("bus_events", count, (kind,))
