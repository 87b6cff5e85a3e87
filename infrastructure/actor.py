"""Actors: a mailbox, some private state, one batch of events at a time.

An actor is handed what has gathered in its mailbox. What `receive` does about it says what becomes
of the events, so it must be safe to run twice on the same ones:

* it returns: they are acknowledged;
* it raises `UnavailableError`: what it stands on is away; they are held and tried again, for ever;
* it raises `PoisonousError`: the events that it names are dead-lettered with the reason, all others
  are acknowledged;
* it raises anything else: the batch is halved until the poisonous events stand alone. Those are
  dead-lettered with the reason, their neighbours are handled. Where event after event is poisonous
  the fault is ours: all are given back and the error goes to the supervisor.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar, Generic, TypeVar

import structlog

from infrastructure.bus.port import Bus, Mailbox, Overflow
from infrastructure.measures import EVENTS, Measure, Spread
from infrastructure.retry import backoff
from market import Event, PoisonousError, UnavailableError
from market.routing import kind_of

E = TypeVar("E", bound=Event)

log = structlog.get_logger()


class Actor(ABC, Generic[E]):
    """Subclass it, say what it handles, and handle it.

    While what it stands on is away, `waiting_for` says what that is. ``at_hand`` is held while it
    has events that are not acknowledged yet.

    Args:
        bus: Where its mailbox is.
        partition: The part of the mailbox that it reads; None: all of it.

    """

    name: ClassVar[str]
    handles: tuple[type[E], ...]
    overflow: ClassVar[Overflow] = Overflow.WAIT
    capacity: ClassVar[int] = 100_000
    batch: ClassVar[int] = 1_000
    pause_s: ClassVar[float] = 0.0
    """Time left at most after a batch that was not full, for more to gather."""

    tolerance: ClassVar[int] = 100
    """Poisonous events in a row, not one good among them, that are taken for a fault of ours."""

    def __init__(self, bus: Bus, *, partition: int | None = None) -> None:
        self.bus = bus
        self.partition = partition
        self.at_hand = asyncio.Lock()
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self.received = 0
        self.given_back = 0
        self.batch_sizes = Spread(EVENTS)
        self.waiting_for = ""
        self._in_hand = 0
        self._mailbox: Mailbox | None = None
        self._poisonous_in_a_row = 0

    @property
    def patterns(self) -> list[str]:
        """What the mailbox is bound to."""
        return patterns_of(self.handles)

    @property
    def counts(self) -> dict[str, int]:
        """The books, see `infrastructure.books`."""
        return {
            "received": self.received,
            "handled": self.handled,
            "dead": self.dead,
            "given_back": self.given_back,
            "in_hand": self._in_hand,
        }

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield Measure("batch_events", self.batch_sizes, (self.name,))
        if self._mailbox is not None:
            yield Measure("mailbox_waiting", self._mailbox.waiting, (self.name,))

    async def recover(self) -> None:
        """Rebuild the state that a predecessor had; the mailbox is open and gathers meanwhile."""

    @abstractmethod
    async def receive(self, events: Sequence[E], /) -> None:
        """Handle the events, oldest first."""

    async def run(self) -> None:
        """Live: handle the mailbox until cancelled or until the fault is ours."""
        async with self.bus.mailbox(
            self.name,
            self.patterns,
            capacity=self.capacity,
            overflow=self.overflow,
            partition=self.partition,
        ) as mailbox:
            await self._patiently(self.recover)
            self.listening.set()
            self._mailbox = mailbox
            try:
                while True:
                    events = await mailbox.receive(self.batch)
                    async with self.at_hand:
                        wanted = [event for event in events if isinstance(event, self.handles)]
                        await self._handle(mailbox, wanted)
                        await mailbox.done()
                    if self.pause_s and len(events) < self.batch:
                        await mailbox.gather(self.pause_s)
            finally:
                self._mailbox = None
                self.listening.clear()

    async def _handle(self, mailbox: Mailbox, events: Sequence[E]) -> None:
        self.received += len(events)
        self._in_hand += len(events)
        self.batch_sizes.note(len(events))
        try:
            poisonous = await self._isolate(events)
            if len(poisonous) < len(events):
                self._poisonous_in_a_row = 0
            else:
                self._poisonous_in_a_row += len(poisonous)
            if self._poisonous_in_a_row >= self.tolerance:
                self._poisonous_in_a_row = 0
                await mailbox.failed()
                raise poisonous[-1][1]
            for event, error in poisonous:
                log.error("actor.dead_letter", actor=self.name, reason=repr(error))
                await mailbox.dead_letter(event, repr(error))
                self.dead += 1
                self._in_hand -= 1
        finally:
            self.given_back += self._in_hand
            self._in_hand = 0

    async def _isolate(self, events: Sequence[E]) -> list[tuple[E, Exception]]:
        """Handle the events; return those that could not be, each with its error."""
        if not events:
            return []
        try:
            await self._patiently(partial(self.receive, events))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is kept as the reason
            named = _named(error, events)
            if named:
                self._note_handled(len(events) - len(named))
                return named
            if len(events) == 1:
                return [(events[0], error)]
            middle = len(events) // 2
            return await self._isolate(events[:middle]) + await self._isolate(events[middle:])
        self._note_handled(len(events))
        return []

    def _note_handled(self, number: int) -> None:
        self.handled += number
        self._in_hand -= number

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run ``step``, again and again while what it stands on is away."""
        try:
            await self._note_wait(step)
        except UnavailableError as error:
            log.warning("actor.waiting", actor=self.name, why=str(error))
        else:
            return
        try:
            async for attempt in backoff(UnavailableError, longest_s=5.0):
                with attempt:
                    await self._note_wait(step)
        finally:
            self.waiting_for = ""

    async def _note_wait(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except UnavailableError as error:
            self.waiting_for = str(error)
            raise


def _named(error: Exception, events: Sequence[E]) -> list[tuple[E, Exception]]:
    """Return those of the events that ``error`` names as poisonous, each with its reason."""
    if not isinstance(error, PoisonousError):
        return []
    reasons = {id(event): why for event, why in error.reasons}
    return [(event, ValueError(reasons[id(event)])) for event in events if id(event) in reasons]


def patterns_of(kinds: Sequence[type]) -> list[str]:
    """Return what a mailbox for events of these kinds is bound to."""
    return [f"{kind_of(kind)}.#" for kind in kinds]
