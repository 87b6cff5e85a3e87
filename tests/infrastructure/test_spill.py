"""An outbox that is full spills to disk: nothing that must not be lost is, and all keep order."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from infrastructure.bus.amqp.outbox import Outbox
from infrastructure.bus.amqp.spill import Spill
from infrastructure.bus.amqp.spool import Spool
from market import Event, Quote, VenueStatus, routing_key
from tests.mailboxes import trades_numbered
from tests.making import a_quote, a_status, a_trade

LIMIT, CONFLATE_ABOVE = 8, 4
KINDS = ["quote A", "quote B", "trade", "down", "live"]

Step = tuple[str, int]
steps = st.lists(
    st.tuples(st.sampled_from([*KINDS, "take", "lose", "stop"]), st.integers(1, 9)), max_size=80
)


async def test_what_has_no_room_is_spilled_and_sent_in_order(tmp_path: Path) -> None:
    trades = trades_numbered(40)

    with _outbox(tmp_path) as outbox:
        for trade in trades:
            await outbox.add([trade])
        on_disk = outbox.unsettled - LIMIT
        sent = await _send_all(outbox)

    assert on_disk == 32
    assert sent == trades
    assert outbox.spill
    assert outbox.spill.spool.bytes == 0


async def test_more_than_memory_ever_holds_goes_through_at_once(tmp_path: Path) -> None:
    trades = trades_numbered(40)

    with _outbox(tmp_path) as outbox:
        await outbox.add(trades)

        assert await _send_all(outbox) == trades


async def test_quotes_overtake_what_is_on_disk(tmp_path: Path) -> None:
    with _outbox(tmp_path) as outbox:
        await outbox.add(trades_numbered(LIMIT))
        await outbox.add([*trades_numbered(40), a_quote(at_ns=1)])
        await outbox.add([a_quote(at_ns=2)])
        sent = await _send_all(outbox)

    assert sent[LIMIT] == a_quote(at_ns=2)
    assert outbox.conflated == 1


async def test_quotes_do_not_overtake_a_status_on_disk_that_ends_their_life(tmp_path: Path) -> None:
    down = a_status(state="down", at_ns=2)

    with _outbox(tmp_path) as outbox:
        await outbox.add(trades_numbered(LIMIT))
        await outbox.add([a_quote(at_ns=1), down])
        await outbox.add([a_quote("upbit", at_ns=3), a_quote(at_ns=3), a_quote(at_ns=4)])
        sent = await _send_all(outbox)

    assert sent[LIMIT:] == [a_quote(at_ns=1), a_quote("upbit", at_ns=3), down, a_quote(at_ns=4)]


async def test_what_an_earlier_process_left_is_sent_first(tmp_path: Path) -> None:
    trades = trades_numbered(40)
    with _outbox(tmp_path) as outbox:
        await outbox.add(trades_numbered(LIMIT))
        await outbox.add(trades[:20])

    with _outbox(tmp_path) as outbox:
        await outbox.add(trades[20:])
        sent = await _send_all(outbox)

    assert sent == trades
    assert outbox.published == 40


async def test_what_was_written_one_by_one_is_sent_many_at_once(tmp_path: Path) -> None:
    trades = trades_numbered(40)
    with _outbox(tmp_path) as outbox:
        for trade in trades:
            await outbox.add([trade])
        outbox.park()

    with _outbox(tmp_path) as outbox:
        await _send(outbox, 100)  # what was in memory, parked together
        first, then = await _send(outbox, 100), await _send(outbox, 100)

    assert len(first) == len(then) == LIMIT // 2


async def test_what_is_not_confirmed_in_the_end_is_parked_but_for_quotes(tmp_path: Path) -> None:
    trades = trades_numbered(40)
    with _outbox(tmp_path, partitions=2) as outbox:
        await outbox.add([*trades[:4], a_quote(), a_status()])
        await outbox.add(trades[4:])
        await outbox.take(next(lane for lane in outbox.lanes if lane.end), 2)
        parked = outbox.park()

    with _outbox(tmp_path) as outbox:
        sent = await _send_all(outbox)

    assert parked >= 5
    assert sent == [*trades[:4], a_status(), *trades[4:]]


async def test_settled_waits_for_what_is_on_disk(tmp_path: Path) -> None:
    with _outbox(tmp_path) as outbox:
        await outbox.add(trades_numbered(LIMIT))
        await outbox.add(trades_numbered(40))
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            settling = tasks.create_task(outbox.settled())
            sent: list[Event] = []
            while not settling.done():
                sent += await _send(outbox, 3)
                await asyncio.sleep(0)

    assert len(sent) == LIMIT + 40


@given(steps)
def test_nothing_is_lost_whatever_happens_and_the_books_balance(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        put, sent = asyncio.run(_played(steps, Path(folder)))
    was_stopped = any(what == "stop" for what, _ in steps)

    for key in {routing_key(event) for event in put}:
        put_of_key = [event for event in put if routing_key(event) == key]
        sent_of_key = [event for event in sent if routing_key(event) == key]
        if not isinstance(put_of_key[-1], Quote):
            assert list(dict.fromkeys(sent_of_key)) == put_of_key
        elif not was_stopped:
            assert sent_of_key[-1] == put_of_key[-1]
    if not was_stopped:  # it takes its quotes with it
        assert _ends_of_life(sent) == _ends_of_life(put)


@contextmanager
def _outbox(folder: Path, *, partitions: int = 1) -> Iterator[Outbox]:
    spool = Spool(folder, limit_bytes=10**6, segment_bytes=1_000)
    outbox = Outbox(
        limit=LIMIT, conflate_above=CONFLATE_ABOVE, partitions=partitions, spill=Spill(spool)
    )
    with spool.opened():
        outbox.begin()
        yield outbox


async def _send(outbox: Outbox, at_most: int) -> Sequence[Event]:
    [lane] = outbox.lanes
    events = await outbox.take(lane, at_most)
    outbox.settle(lane, len(events))
    return events


async def _send_all(outbox: Outbox) -> list[Event]:
    """Send until nothing is left, what is on disk of an earlier process included."""
    [lane] = outbox.lanes
    sent: list[Event] = []
    while lane.end > lane.taken:
        sent += await _send(outbox, 3)
    assert outbox.unsettled == 0
    return sent


async def _played(steps: Sequence[Step], folder: Path) -> tuple[list[Event], list[Event]]:
    """Play the steps; return what was put in and what was sent."""
    put: list[Event] = []
    sent: list[Event] = []
    for life in _lives(steps):
        with _outbox(folder) as outbox:
            for what, count in life:
                if what in KINDS:
                    put.append(_event(what, len(put) + 1))
                    await outbox.add(put[-1:])
                else:
                    sent += await _sent(outbox, count, is_lost=what == "lose")
                balance = outbox.unsettled + outbox.conflated + outbox.lanes.settled
                assert outbox.published == balance
            if life and life[-1][0] == "stop":
                outbox.park()
            else:
                sent += await _send_all(outbox)
    return put, sent


async def _sent(outbox: Outbox, count: int, *, is_lost: bool) -> Sequence[Event]:
    [lane] = outbox.lanes
    if lane.end == lane.taken:
        return ()
    if not is_lost:
        return await _send(outbox, count)
    outbox.give_back(lane, len(await outbox.take(lane, count)))
    return ()


def _lives(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Part the steps after each stop; the last life ends in peace."""
    life: list[Step] = []
    for step in steps:
        life.append(step)
        if step[0] == "stop":
            yield life
            life = []
    yield life


def _event(what: str, at_ns: int) -> Event:
    match what:
        case "trade":
            return a_trade(number=at_ns, at_ns=at_ns)
        case "down" | "live":
            return a_status(state="down" if what == "down" else "live", at_ns=at_ns)
        case _:
            return a_quote(instrument=f"{what[-1]}-USD", at_ns=at_ns)


def _ends_of_life(events: Sequence[Event]) -> dict[str, bool]:
    """Return of each quote's key whether a status that ends its life came after its newest."""
    ends: dict[str, bool] = {}
    for event in events:
        if isinstance(event, Quote):
            ends[routing_key(event)] = False
        elif isinstance(event, VenueStatus) and event.state == "down":
            ends = dict.fromkeys(ends, True)
    return ends
