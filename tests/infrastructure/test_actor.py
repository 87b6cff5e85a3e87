"""What becomes of events when an actor handles them, cannot, or cannot yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from infrastructure.actor import Actor
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Bus, Overflow
from market import PoisonousError, StoreUnavailableError, Trade
from tests.books import assert_kept
from tests.making import a_quote, a_trade
from tests.waiting import eventually


class Keeper(Actor[Trade]):
    """Keeps trades; the numbers in ``poison`` make it raise, so does everything while away."""

    name = "test.keeper"
    handles = (Trade,)
    tolerance = 5

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.kept: list[int] = []
        self.poison: set[int] = set()
        self.names_poison = False
        self.store_is_away = False
        self.tries = 0

    async def receive(self, trades: Sequence[Trade]) -> None:
        self.tries += 1
        if self.store_is_away:
            raise StoreUnavailableError("the store is away")
        bad = [trade for trade in trades if trade.sequence in self.poison]
        if bad and not self.names_poison:
            raise ValueError(f"cannot keep {bad[0].sequence}")
        self.kept += [trade.sequence for trade in trades if trade not in bad]
        if bad:
            raise PoisonousError([(trade, f"cannot keep {trade.sequence}") for trade in bad])


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def keeper(bus: LocalBus) -> Keeper:
    return Keeper(bus)


async def test_actor_is_handed_what_it_handles(bus: LocalBus, keeper: Keeper) -> None:
    async with _running(keeper):
        await bus.publish([a_quote(), a_trade(number=1), a_quote(), a_trade(number=2)])
        await eventually(lambda: keeper.handled == 2)

    assert keeper.kept == [1, 2]


async def test_what_comes_while_an_actor_pauses_is_one_batch(bus: LocalBus) -> None:
    class Slow(Keeper):
        pause_s = 0.2

    slow = Slow(bus)
    async with _running(slow):
        await bus.publish([a_trade(number=1)])
        await eventually(lambda: slow.handled == 1)
        for number in range(2, 50):
            await bus.publish([a_trade(number=number)])
        await eventually(lambda: slow.handled == 49)

    assert slow.tries == 2


async def test_poisonous_event_is_dead_lettered_and_its_neighbours_are_handled(
    bus: LocalBus, keeper: Keeper
) -> None:
    keeper.poison = {3, 7}

    async with _running(keeper):
        await bus.publish(_trades(1, 10))
        await eventually(lambda: keeper.handled == 8)
        letters = await bus.dead_letters(10)

    assert keeper.kept == [1, 2, 4, 5, 6, 8, 9, 10]
    assert keeper.dead == 2
    assert [letter.event for letter in letters] == [a_trade(number=3), a_trade(number=7)]
    assert letters[0].reason == "ValueError('cannot keep 3')"
    assert letters[0].mailbox == "test.keeper"


async def test_events_that_are_named_as_poisonous_are_not_searched_for(
    bus: LocalBus, keeper: Keeper
) -> None:
    keeper.poison, keeper.names_poison = {3, 7}, True

    async with _running(keeper):
        await bus.publish(_trades(1, 10))
        await eventually(lambda: keeper.handled == 8)
        letters = await bus.dead_letters(10)

    assert keeper.tries == 1
    assert keeper.kept == [1, 2, 4, 5, 6, 8, 9, 10]
    assert [letter.event for letter in letters] == [a_trade(number=3), a_trade(number=7)]


async def test_events_are_held_and_tried_again_while_the_store_is_away(
    bus: LocalBus, keeper: Keeper
) -> None:
    keeper.store_is_away = True

    async with _running(keeper):
        await bus.publish(_trades(1, 3))
        await eventually(lambda: keeper.tries > 1)
        waited_for = keeper.waiting_for
        keeper.store_is_away = False
        await eventually(lambda: keeper.handled == 3)

    assert waited_for == "the store is away"
    assert keeper.waiting_for == ""
    assert keeper.kept == [1, 2, 3]
    assert not await bus.dead_letters(10)


async def test_recovery_waits_for_the_store_as_well(bus: LocalBus) -> None:
    keeper = _Recovering(bus)

    async with _running(keeper):
        pass

    assert keeper.recoveries == 3


async def test_fault_of_ours_gives_all_back_and_raises(bus: LocalBus, keeper: Keeper) -> None:
    keeper.poison = {1, 2, 3, 4, 5}

    async with _mailbox_open(bus, keeper):
        await bus.publish(_trades(1, 5))
        with pytest.raises(ValueError, match="cannot keep 5"):
            await keeper.run()
        keeper.poison = set()
        async with _running(keeper):
            await eventually(lambda: keeper.handled == 5)

    assert keeper.kept == [1, 2, 3, 4, 5]
    assert not await bus.dead_letters(10)


async def test_one_good_event_among_many_poisonous_shows_that_the_fault_is_not_ours(
    bus: LocalBus, keeper: Keeper
) -> None:
    keeper.poison = set(range(1, 10))

    async with _running(keeper):
        await bus.publish(_trades(1, 10))
        await eventually(lambda: keeper.handled == 1)
        letters = await bus.dead_letters(20)

    assert keeper.kept == [10]
    assert len(letters) == 9


async def test_events_that_were_being_handled_come_again_after_cancellation(
    bus: LocalBus, keeper: Keeper
) -> None:
    keeper.store_is_away = True
    async with _running(keeper):
        await bus.publish(_trades(1, 2))
        await eventually(lambda: keeper.tries)

    successor = Keeper(bus)
    async with _running(successor):
        await eventually(lambda: successor.handled == 2)

    assert keeper.kept == []
    assert successor.kept == [1, 2]


async def test_actor_listens_while_it_runs_and_no_longer(keeper: Keeper) -> None:
    async with _running(keeper):
        listened = keeper.listening.is_set()

    assert listened
    assert not keeper.listening.is_set()


class _Recovering(Keeper):
    recoveries = 0

    async def recover(self) -> None:
        self.recoveries += 1
        if self.recoveries < 3:
            raise StoreUnavailableError("the store is away")


@asynccontextmanager
async def _running(actor: Keeper) -> AsyncIterator[None]:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(actor.run())
        await actor.listening.wait()
        yield
        assert_kept(actor.counts, "mailbox")
        task.cancel()
    assert_kept(actor.counts, "mailbox")


@asynccontextmanager
async def _mailbox_open(bus: LocalBus, actor: Keeper) -> AsyncIterator[None]:
    """Let the actor's mailbox gather before it runs."""
    async with bus.mailbox(actor.name, actor.patterns, capacity=100, overflow=Overflow.WAIT):
        yield


def _trades(first: int, last: int) -> list[Trade]:
    return [a_trade(number=number) for number in range(first, last + 1)]
