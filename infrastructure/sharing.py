"""The parts of a group of actors, shared between the processes that run it.

Each process has one `Share` of the group. Who else has one is heard on the bus, where every part
tells that it lives; from that all find the same owner for each partition (`market.spread`). The
owner stands for the partition's lead, and so does whoever would own it next. Whoever holds the lead
works: so two never work on one partition, whatever they believe of each other, and a process that
dies is followed at once by one that stands already.

Who is not the owner lets go: it ends its batch, closes the mailbox and leaves the lead. Who is next
does so too, once it has held the lead for longer than it takes to hear that an owner died.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Literal, Protocol, TypeAlias

import structlog

from infrastructure.bus.port import Bus, Lead, Mailbox, Overflow
from infrastructure.health import STANDS_BY
from infrastructure.measures import Measure, Measured, Spread, merged
from infrastructure.supervisor import PROCESS, Supervised
from market import ActorStatus
from market.spread import shared_out

BEAT_S = 1.0
"""How often a share tells that it lives."""

GONE_AFTER_S = 3.5
"""A member that was not heard of for so long is counted out."""

SETTLE_S = 1.5 * BEAT_S
"""How long a new member listens for others before it stands for anything."""

YIELD_AFTER_S = GONE_AFTER_S + BEAT_S
"""How long who is next works before an owner that lives is to have the lead."""

FINISH_S = 2.0
"""How long the batch at hand may take when a partition is let go of."""

LOOK_EVERY_S = 0.25

ALIVE = frozenset({"running", "waiting"})

Role: TypeAlias = Literal["owner", "next", "none"]

log = structlog.get_logger()


class Work(Supervised, Protocol):
    """What works on a partition: an actor."""

    waiting_for: str

    @property
    def at_hand(self) -> asyncio.Lock:
        """Held while a batch is at hand."""


class Members:
    """Who shares the group, as far as was heard; we are always one of them."""

    def __init__(self, group: str, me: str) -> None:
        self.me = me
        self._group = group
        self._heard_at: dict[str, float] = {}
        self._disagreeing: set[str] = set()

    def hear(self, status: ActorStatus, now: float) -> None:
        """Take in how a part of some process does."""
        if status.actor != self._group:
            self._note_disagreement(status)
        elif status.state in ALIVE:
            self._heard_at[status.process] = now
        else:
            self._heard_at.pop(status.process, None)

    def alive(self, now: float) -> list[str]:
        """Return the processes that live, in order."""
        heard = {who for who, at in self._heard_at.items() if now - at < GONE_AFTER_S}
        return sorted(heard | {self.me})

    def _note_disagreement(self, status: ActorStatus) -> None:
        """Tell once of a process that has this group in other parts: what it reads is not ours."""
        base = self._group.partition(".of-")[0]
        if status.actor.partition(".of-")[0] == base and status.process not in self._disagreeing:
            self._disagreeing.add(status.process)
            log.error(
                "sharing.disagreed", ours=self._group, theirs=status.actor, who=status.process
            )


class Place:
    """One partition: stands for its lead where we are to, and works while it holds it."""

    def __init__(
        self, bus: Bus, name: str, partition: int | None, make: Callable[[int | None], Work]
    ) -> None:
        self.name = name
        self.partition = partition
        self.work: Work | None = None
        self.handled = 0
        self.dead = 0
        self.counts: Counter[str] = Counter()
        self.spreads: list[Measure] = []
        self._bus = bus
        self._make = make
        self._role: Role = "none"
        self._role_changed = asyncio.Event()

    def take(self, role: Role) -> None:
        """Be the owner, be next, or be none of them from now on."""
        if role != self._role:
            self._role = role
            self._role_changed.set()

    async def run(self) -> None:
        """Stand and work until cancelled."""
        while True:
            await self._until(lambda: self._role != "none")
            async with self._bus.lead(self.name) as lead:
                await self._stand(lead)

    async def _stand(self, lead: Lead) -> None:
        """Work whenever we hold the lead; return once another one is to have it."""
        while self._role != "none":
            await _first_of(lead.held(), self._until(lambda: self._role == "none"))
            if lead.is_held:
                await self._work_while_held(lead)
                if lead.is_held:
                    return

    async def _work_while_held(self, lead: Lead) -> None:
        """Work with nothing known from before, until the lead is lost or another's."""
        self.work = work = self._make(self.partition)
        log.info("sharing.begun", place=self.name)
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(work.run(), name=self.name)
                await _first_of(lead.lost(), self._anothers())
                if lead.is_held:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(FINISH_S), work.at_hand:
                            working.cancel()
                working.cancel()
        finally:
            log.info("sharing.ended", place=self.name)
            self.handled += work.handled
            self.dead += work.dead
            self.counts.update(_counts_of(work))
            spreads = [one for one in _measures_of(work) if isinstance(one.value, Spread)]
            self.spreads = merged([*self.spreads, *spreads])
            self.work = None

    async def _anothers(self) -> None:
        """Return once another one is to have the lead that we hold."""
        while self._role != "none":
            await self._until(lambda: self._role != "owner")
            with suppress(TimeoutError):
                async with asyncio.timeout(YIELD_AFTER_S):
                    await self._until(lambda: self._role != "next")
                    continue
            return

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._role_changed.clear()
            await self._role_changed.wait()


class Share:
    """Works on those partitions of a group of actors that fall to this process.

    Args:
        bus: Tells into how many partitions the group's mailbox is split; 1: one of all works.
        name: Of the group, and of its mailbox.
        patterns: What the mailbox is bound to.
        make: Makes what works on a partition; None: on the whole mailbox.
        me: Names this process to the others.

    """

    heartbeat_s = BEAT_S

    def __init__(
        self,
        bus: Bus,
        name: str,
        patterns: Sequence[str],
        make: Callable[[int | None], Work],
        *,
        me: str = PROCESS,
    ) -> None:
        self.name = _group(name, bus.partitions)
        self.listening = asyncio.Event()
        self._bus = bus
        self._mailbox = name
        self._patterns = patterns
        self._members = Members(self.name, me)
        self._places = list(self._made(make))

    @property
    def handled(self) -> int:
        """Events dealt with so far, of all partitions that we had."""
        return sum(place.handled for place in self._places) + sum(
            work.handled for work in self._works()
        )

    @property
    def dead(self) -> int:
        """Events of them that were dead-lettered."""
        return sum(place.dead for place in self._places) + sum(work.dead for work in self._works())

    @property
    def counts(self) -> Mapping[str, int]:
        """The books of all partitions that we had."""
        total: Counter[str] = Counter()
        for counts in chain(
            (place.counts for place in self._places), map(_counts_of, self._works())
        ):
            total.update(counts)
        return total

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`; of all partitions together."""
        yield from merged(
            chain(
                chain.from_iterable(place.spreads for place in self._places),
                chain.from_iterable(map(_measures_of, self._works())),
            )
        )
        yield Measure("lead_held", sum(1 for _ in self._works()), (self._mailbox,))

    @property
    def waiting_for(self) -> str:
        """What is away that the work stands on, or who does the work."""
        if not any(self._works()):
            return f"{STANDS_BY}other processes do this work"
        return next((work.waiting_for for work in self._works() if work.waiting_for), "")

    @property
    def remark(self) -> str:
        """Which partitions we work on; empty where there is only one."""
        if self._bus.partitions == 1:
            return ""
        held = [str(place.partition) for place in self._places if place.work]
        return f"works on {', '.join(held) or 'none'} of {self._bus.partitions} partitions"

    async def run(self) -> None:
        """Share until cancelled; from the start on all partitions gather."""
        await self._bus.keep(self._mailbox, self._patterns)
        async with (
            self._bus.mailbox(
                f"{self._mailbox}.members",
                ["actor.#"],
                capacity=1_000,
                overflow=Overflow.DROP_OLDEST,
            ) as mailbox,
            asyncio.TaskGroup() as tasks,
        ):
            for place in self._places:
                tasks.create_task(place.run(), name=f"{place.name}.place")
            tasks.create_task(self._listen(mailbox), name=f"{self.name}.members")
            self.listening.set()
            try:
                await self._balance()
            finally:
                self.listening.clear()

    async def _listen(self, mailbox: Mailbox) -> None:
        while True:
            for event in await mailbox.receive(1_000):
                if isinstance(event, ActorStatus):
                    self._members.hear(event, time.monotonic())
            await mailbox.done()

    async def _balance(self) -> None:
        """Tell each place what it is to be, as members come and go."""
        if self._bus.partitions > 1:
            await asyncio.sleep(SETTLE_S)
        while True:
            members = self._members.alive(time.monotonic())
            for place, role in zip(self._places, self._roles(members), strict=True):
                place.take(role)
            await asyncio.sleep(LOOK_EVERY_S)

    def _roles(self, members: Sequence[str]) -> Iterator[Role]:
        """Return what we are to be at each place."""
        me = self._members.me
        owners = shared_out(len(self._places), members)
        for number in range(len(self._places)):
            others = [member for member in members if member != owners[number]]
            if owners[number] == me:
                yield "owner"
            elif shared_out(len(self._places), others)[number] == me:
                yield "next"
            else:
                yield "none"

    def _works(self) -> Iterator[Work]:
        return (place.work for place in self._places if place.work)

    def _made(self, make: Callable[[int | None], Work]) -> Iterator[Place]:
        names = places_of(self._mailbox, self._bus.partitions)
        for number, name in enumerate(names):
            yield Place(self._bus, name, number if len(names) > 1 else None, make)


def members_of(name: str) -> str:
    """Return the name of the mailbox by which members of a group hear of each other."""
    return f"{name}.members"


def places_of(name: str, partitions: int) -> list[str]:
    """Return what the partitions of a group are called, and their leads."""
    group = _group(name, partitions)
    return [f"{group}.{number}" for number in range(partitions)] if partitions > 1 else [group]


def _group(name: str, partitions: int) -> str:
    return name if partitions == 1 else f"{name}.of-{partitions}"


def _measures_of(work: Work) -> Iterable[Measure]:
    return work.measures() if isinstance(work, Measured) else ()


def _counts_of(work: Work) -> Mapping[str, int]:
    counts: Mapping[str, int] = getattr(work, "counts", {})  # not every actor keeps books
    return counts


async def _first_of(*waits: Coroutine[None, None, None]) -> None:
    """Return once one of them does; the others are cancelled."""
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(one) for one in waits]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
