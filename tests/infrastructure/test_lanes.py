"""What waits for several partitions: each in order, none waiting for another but at a barrier."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from infrastructure.bus.amqp.lanes import ALL, Lane
from infrastructure.bus.amqp.outbox import Outbox
from market import Event
from market.routing import partition_of
from tests.making import a_status, a_trade

PARTITIONS = 3

Step = tuple[str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["trade", "status", "take", "settle", "lose"]),
        st.integers(0, 8),
    ),
    max_size=120,
)


async def test_each_partition_has_a_lane_that_waits_for_no_other() -> None:
    outbox = _outbox()
    one, another = _trades_of(0, 2), _trades_of(1, 2)
    await outbox.add([*one, *another])

    assert _taken(outbox, 0) == one
    assert _taken(outbox, 1) == another


async def test_what_is_for_all_leaves_once_all_before_it_is_safe() -> None:
    outbox = _outbox()
    status = a_status()
    await outbox.add([*_trades_of(0, 1), *_trades_of(1, 1), status])
    _taken(outbox, 0)
    _taken(outbox, 1)

    _settle(outbox, 0)
    before = _taken(outbox, ALL)
    _settle(outbox, 1)

    assert before == []
    assert _taken(outbox, ALL) == [status]


async def test_nothing_that_came_after_what_is_for_all_leaves_before_it_is_safe() -> None:
    outbox = _outbox()
    status, [trade] = a_status(), _trades_of(2, 1)
    await outbox.add([status, trade])

    assert _taken(outbox, ALL) == [status]
    before = _taken(outbox, 2)
    _settle(outbox, ALL)

    assert before == []
    assert _taken(outbox, 2) == [trade]


async def test_statuses_with_nothing_between_them_leave_together() -> None:
    outbox = _outbox()
    statuses = [a_status("kraken"), a_status("upbit")]

    await outbox.add(statuses)

    assert _taken(outbox, ALL) == statuses


async def test_whoever_waits_for_a_lane_is_woken_when_the_barrier_is_safe() -> None:
    outbox = _outbox()
    status, [trade] = a_status(), _trades_of(2, 1)
    lanes = _lanes(outbox)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        of_all = tasks.create_task(outbox.take(lanes[ALL], 9))
        of_two = tasks.create_task(outbox.take(lanes[2], 9))
        await outbox.add([status, trade])
        taken = await of_all
        _settle(outbox, ALL)

    assert taken == [status]
    assert of_two.result() == [trade]


@given(steps)
def test_lanes_lose_nothing_and_keep_their_order_around_barriers(steps: list[Step]) -> None:
    put, safe = asyncio.run(_played(steps))

    assert sorted(safe, key=put.index) == put
    for lane in range(PARTITIONS):
        seen_by_lane = [event for event in safe if partition_of(event, PARTITIONS) in (lane, None)]
        assert seen_by_lane == [event for event in put if event in seen_by_lane]


class _Play:
    """Plays steps on an outbox: what was ``put`` in, and what became ``safe``, each in order."""

    def __init__(self) -> None:
        self.outbox = _outbox()
        self.put: list[Event] = []
        self.safe: list[Event] = []
        self.on_the_way: dict[int, list[Event]] = {lane: [] for lane in _lanes(self.outbox)}

    async def step(self, what: str, count: int) -> None:
        lane = count % (PARTITIONS + 1) - 1
        match what:
            case "take":
                self._take(lane, count + 1)
            case "settle":
                self._settle(lane)
            case "lose":
                _give_back(self.outbox, lane)
                self.on_the_way[lane] = []
            case _:
                now = len(self.put) + 1
                trade = a_trade(instrument=f"A{count}-USD", number=now)
                self.put.append(trade if what == "trade" else a_status(at_ns=now))
                await self.outbox.add(self.put[-1:])

    def end(self) -> None:
        while self.outbox.unsettled:
            for lane in self.on_the_way:
                self._take(lane, 100)
                self._settle(lane)

    def _take(self, lane: int, at_most: int) -> None:
        if not self.on_the_way[lane]:
            self.on_the_way[lane] = _taken(self.outbox, lane, at_most)

    def _settle(self, lane: int) -> None:
        if self.on_the_way[lane]:
            self.safe += self.on_the_way[lane]
            self.on_the_way[lane] = []
            _settle(self.outbox, lane)


async def _played(steps: Sequence[Step]) -> tuple[list[Event], list[Event]]:
    play = _Play()
    for what, count in steps:
        await play.step(what, count)
    play.end()
    return play.put, play.safe


def _outbox() -> Outbox:
    return Outbox(limit=1_000, conflate_above=1_000, partitions=PARTITIONS)


def _lanes(outbox: Outbox) -> dict[int, Lane]:
    return {lane.partition: lane for lane in outbox.lanes}


def _taken(outbox: Outbox, partition: int, at_most: int = 100) -> list[Event]:
    """Take what can be taken of a lane at this moment."""
    taking = outbox.take(_lanes(outbox)[partition], at_most)
    try:
        taking.send(None)
    except StopIteration as done:
        return list(done.value)
    taking.close()
    return []


def _settle(outbox: Outbox, partition: int) -> None:
    lane = _lanes(outbox)[partition]
    outbox.settle(lane, lane.taken - lane.settled)


def _give_back(outbox: Outbox, partition: int) -> None:
    lane = _lanes(outbox)[partition]
    outbox.give_back(lane, lane.taken - lane.settled)


def _trades_of(partition: int, count: int) -> list[Event]:
    """Return trades of so many instruments of the partition."""
    trades = (a_trade(instrument=f"A{number}-USD", number=number) for number in range(1_000))
    mine = (trade for trade in trades if partition_of(trade, PARTITIONS) == partition)
    return [next(mine) for _ in range(count)]
