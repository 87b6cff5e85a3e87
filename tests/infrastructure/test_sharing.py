"""How processes share the partitions of a group, over each bus."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from infrastructure import sharing
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus
from infrastructure.sharing import Members, Share
from infrastructure.supervisor import Supervisor
from market import ActorStatus, Trade
from tests.making import a_trade
from tests.servers.rabbitmq import MakeBus
from tests.waiting import eventually

COUNT = 6
INSTRUMENTS = tuple(f"COIN{number}-USD" for number in range(30))


class Reader(Actor[Trade]):
    """Notes what it reads, and fails the test where two work on one partition."""

    handles = (Trade,)

    def __init__(self, bus: Bus, group: Group, partition: int | None, who: str) -> None:
        super().__init__(bus, partition=partition)
        self.name = group.name  # type: ignore[misc]  # a group of this test's own
        self._group = group
        self._who = who

    async def run(self) -> None:
        assert self.partition not in self._group.workers
        self._group.workers[self.partition] = self._who
        try:
            await super().run()
        finally:
            del self._group.workers[self.partition]

    async def receive(self, events: Sequence[Trade]) -> None:
        await self._group.may_read.wait()
        self._group.read += events


class Group:
    """A group of readers of one split mailbox, by the processes that they are in."""

    def __init__(self) -> None:
        self.name = f"group-{secrets.token_hex(4)}"
        self.workers: dict[int | None, str] = {}
        self.read: list[Trade] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    @asynccontextmanager
    async def member(self, bus: Bus, who: str) -> AsyncIterator[Share]:
        """Run a share of the group as a process of that name would."""

        def make(partition: int | None) -> Reader:
            return Reader(bus, self, partition, who)

        share = Share(bus, self.name, ["trade.#"], make, me=who)
        supervising = asyncio.create_task(Supervisor(bus, process=who).run([share]))
        try:
            await eventually(share.listening.is_set)
            yield share
        finally:
            supervising.cancel()
            await asyncio.wait({supervising})

    def is_balanced(self, *members: str) -> bool:
        held = Counter(self.workers.values())
        counts = [held[who] for who in members]
        return sum(counts) == COUNT and max(counts) - min(counts) <= 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "SETTLE_S", 0.3)
    monkeypatch.setattr(sharing, "GONE_AFTER_S", 1.5)
    monkeypatch.setattr(sharing, "YIELD_AFTER_S", 0.5)
    monkeypatch.setattr(Share, "heartbeat_s", 0.2)


async def test_partitions_are_shared_evenly_as_members_come_and_go(make_bus: MakeBus) -> None:
    group = Group()
    async with AsyncExitStack() as opened:
        first, second, third = [
            await opened.enter_async_context(make_bus(partitions=COUNT)) for _ in range(3)
        ]
        async with group.member(first, "a") as share:
            await eventually(lambda: group.is_balanced("a"))
            alone = share.remark
            async with group.member(second, "b"), group.member(third, "c"):
                await eventually(lambda: group.is_balanced("a", "b", "c"))
            await eventually(lambda: group.is_balanced("a"))

    assert alone == "works on 0, 1, 2, 3, 4, 5 of 6 partitions"


async def test_every_event_is_read_once_and_in_order_while_members_come_and_go(
    make_bus: MakeBus,
) -> None:
    group = Group()
    async with AsyncExitStack() as opened:
        telling, first, second = [
            await opened.enter_async_context(make_bus(partitions=COUNT)) for _ in range(3)
        ]
        async with group.member(first, "a"), asyncio.TaskGroup() as tasks:
            tells = tasks.create_task(_tell(telling, 150))
            async with group.member(second, "b"):
                await eventually(lambda: group.is_balanced("a", "b"))
            await tells
            await eventually(lambda: len(group.read) >= 150 * len(INSTRUMENTS), within_s=20)

    for instrument in INSTRUMENTS:
        numbers = [one.sequence for one in group.read if str(one.instrument) == instrument]
        assert numbers == list(range(150))


async def test_batch_at_hand_is_finished_before_a_partition_is_let_go_of(
    make_bus: MakeBus,
) -> None:
    group = Group()
    async with AsyncExitStack() as opened:
        first, second = [
            await opened.enter_async_context(make_bus(partitions=COUNT)) for _ in range(2)
        ]
        async with group.member(first, "a"):
            await eventually(lambda: group.is_balanced("a"))
            group.may_read.clear()
            await first.publish([a_trade("kraken", one, number=0) for one in INSTRUMENTS])
            async with group.member(second, "b") as share:
                await eventually(lambda: share.remark.startswith("works on none"))
                await asyncio.sleep(1.0)  # as long as it takes to hear of the other: absence
                held_meanwhile = group.is_balanced("a")
                group.may_read.set()
                await eventually(lambda: group.is_balanced("a", "b"))

    assert held_meanwhile
    assert len(group.read) == len(INSTRUMENTS)


async def test_member_that_is_not_heard_of_is_counted_out() -> None:
    members = Members("group", "me")
    members.hear(_status("other"), now=10.0)
    members.hear(_status("stopping"), now=10.0)
    members.hear(_status("stopping", state="stopped"), now=10.1)
    members.hear(_status("stranger", actor="another-group"), now=10.0)

    assert members.alive(now=10.2) == ["me", "other"]
    assert members.alive(now=10.2 + sharing.GONE_AFTER_S) == ["me"]


async def _tell(bus: Bus, each: int) -> None:
    for number in range(each):
        await bus.publish([a_trade("kraken", one, number=number) for one in INSTRUMENTS])
        await asyncio.sleep(0.02)
    await bus.flush()


def _status(process: str, *, actor: str = "group", state: str = "running") -> ActorStatus:
    return ActorStatus(
        actor=actor,
        process=process,
        state=state,  # type: ignore[arg-type]  # one of those that there are
        event_ns=1,
        received_ns=1,
        sequence=1,
    )
