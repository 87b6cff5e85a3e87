"""What a supervisor does about parts that fail, and what it tells of them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager

import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Mailbox, Overflow
from infrastructure.supervisor import PROCESS, Supervised, Supervisor
from market import (
    ActorStatus,
    BusUnavailableError,
    GaveUpError,
    SettingsError,
    StoreUnavailableError,
)
from tests.waiting import eventually

QUICK_S = 0.02


class Part:
    """Runs until told to fail; ``failures`` are raised one a run, then it lasts."""

    dead = 0

    def __init__(self, name: str = "test.part", failures: Sequence[BaseException] = ()) -> None:
        self.name = name
        self.listening = asyncio.Event()
        self.handled = 0
        self.waiting_for = ""
        self.runs = 0
        self._failures = list(failures)

    async def run(self) -> None:
        self.runs += 1
        if self._failures:
            raise self._failures.pop(0)
        self.listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.listening.clear()


class PartThatReturns(Part):
    async def run(self) -> None:
        self.runs += 1


class PartThatForgets(Part):
    """Leaves ``listening`` set when it fails."""

    async def run(self) -> None:
        self.runs += 1
        self.listening.set()
        raise ValueError("forgot")


class PartThatLooks(Part):
    """Notes whether another part listens when it is started."""

    def __init__(self, name: str, other: Part) -> None:
        super().__init__(name)
        self._other = other
        self.saw_it_listen = False

    async def run(self) -> None:
        self.saw_it_listen = self._other.listening.is_set()
        await super().run()


async def test_part_that_fails_is_started_again() -> None:
    part = Part(failures=[ValueError("one"), ValueError("two")])

    async with _supervised(LocalBus(), part):
        await eventually(part.listening.is_set)

    assert part.runs == 3


async def test_other_parts_go_on_while_one_is_restarted() -> None:
    failing, sound = Part("test.failing", [ValueError("one")]), Part("test.sound")

    async with _supervised(LocalBus(), failing, sound):
        await eventually(failing.listening.is_set)

    assert (failing.runs, sound.runs) == (2, 1)


async def test_part_that_fails_too_often_ends_all_with_its_last_error() -> None:
    failing = Part("test.failing", [ValueError(f"number {n}") for n in range(1, 9)])
    sound = Part("test.sound")

    with pytest.raises(ExceptionGroup) as raised:
        await Supervisor(LocalBus(), restarts=2).run([sound, failing])

    (error,) = raised.value.exceptions
    assert isinstance(error, GaveUpError)
    assert "test.failing failed 3 times within 60 s" in str(error)
    assert "number 3" in str(error)
    assert failing.runs == 3
    assert not sound.listening.is_set()


async def test_part_waits_for_what_it_stands_on_however_often_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infrastructure.supervisor.LONGEST_WAIT_S", QUICK_S)
    away = BusUnavailableError("the broker is away")
    several = ExceptionGroup("parts of it", [away, StoreUnavailableError("so is the store")])
    part = Part(failures=[away, several] * 10)
    supervisor = Supervisor(LocalBus(), restarts=2)

    async with _running(supervisor.run([part])):
        await eventually(lambda: [s.state for s in supervisor.statuses()] == ["waiting"])
        (waiting,) = supervisor.statuses()
        await eventually(part.listening.is_set)

    assert "away" in waiting.reason
    assert (waiting.restarts, part.runs) == (0, 21)


async def test_part_that_fails_while_something_is_away_has_failed() -> None:
    both = ExceptionGroup("parts of it", [BusUnavailableError("away"), ValueError("ours")])

    with pytest.raises(ExceptionGroup) as raised:
        await Supervisor(LocalBus(), restarts=1).run([Part(failures=[both] * 9)])

    assert "test.part failed 2 times" in str(raised.value.exceptions[0])


async def test_part_that_returns_has_failed() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await Supervisor(LocalBus(), restarts=1).run([PartThatReturns()])

    assert "a part runs until it is cancelled" in str(raised.value.exceptions[0])


async def test_cancellation_from_within_is_a_failure() -> None:
    part = Part(failures=[asyncio.CancelledError()])

    async with _supervised(LocalBus(), part):
        await eventually(part.listening.is_set)

    assert part.runs == 2


async def test_wrong_setting_ends_all_at_once() -> None:
    part = Part(failures=[SettingsError("correct the URL")])

    with pytest.raises(ExceptionGroup) as raised:
        await Supervisor(LocalBus()).run([part])

    assert isinstance(raised.value.exceptions[0], SettingsError)
    assert part.runs == 1


async def test_later_tier_starts_once_the_one_before_listens() -> None:
    first = Part("test.first", [ValueError("one")])
    second = PartThatLooks("test.second", first)

    async with _running(Supervisor(LocalBus()).run([first], [second])):
        await eventually(second.listening.is_set)

    assert second.saw_it_listen


async def test_every_change_of_state_is_told() -> None:
    bus = LocalBus()
    part = Part(failures=[ValueError("broken")])

    async with _statuses(bus) as mailbox, _supervised(bus, part):
        told = await _read_until(mailbox, "running")
        part.handled, part.waiting_for = 7, "the store"
        told += await _read_until(mailbox, "waiting")
    states = list(dict.fromkeys(status.state for status in told))

    assert states == ["starting", "restarting", "running", "waiting"]
    assert told[-1].reason == "the store"
    assert told[-1].handled == 7
    assert told[-1].restarts == 1
    assert {status.process for status in told} == {PROCESS}
    assert "broken" in next(status.reason for status in told if status.state == "restarting")


async def test_part_that_begins_to_listen_is_told_before_the_next_heartbeat() -> None:
    bus = LocalBus()

    async with _statuses(bus) as mailbox, _running(Supervisor(bus, heartbeat_s=3600).run([Part()])):
        told = await _read_until(mailbox, "running")

    assert told[-1].state == "running"


async def test_part_that_is_restarted_does_not_count_as_listening() -> None:
    bus = LocalBus()

    async with _statuses(bus) as mailbox:
        with pytest.raises(ExceptionGroup):
            await Supervisor(bus, restarts=0).run([PartThatForgets()])
        told = await _read_until(mailbox, "gave_up")

    assert [status.state for status in told if status.restarts] == ["restarting", "gave_up"]


async def test_part_that_is_cancelled_is_told_as_stopped() -> None:
    bus = LocalBus()

    async with _statuses(bus) as mailbox:
        part = Part()
        async with _supervised(bus, part):
            await eventually(part.listening.is_set)
        told = await _read_until(mailbox, "stopped")

    assert told[-1].state == "stopped"


async def test_bus_that_takes_nothing_does_not_keep_a_part_from_its_restart() -> None:
    bus = LocalBus()
    part = Part(failures=[ValueError("one")])

    async with (
        bus.mailbox("full", ["actor.#"], capacity=1, overflow=Overflow.WAIT),
        _supervised(bus, part),
    ):
        await eventually(part.listening.is_set)

    assert part.runs == 2


@asynccontextmanager
async def _supervised(bus: LocalBus, *parts: Supervised) -> AsyncIterator[None]:
    async with _running(Supervisor(bus, heartbeat_s=QUICK_S).run(parts)):
        yield


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()


@asynccontextmanager
async def _statuses(bus: LocalBus) -> AsyncIterator[Mailbox]:
    async with bus.mailbox(
        "statuses", ["actor.#"], capacity=1_000, overflow=Overflow.DROP_OLDEST
    ) as mailbox:
        yield mailbox


async def _read_until(mailbox: Mailbox, state: str) -> list[ActorStatus]:
    """Return the statuses up to the first with ``state``."""
    told: list[ActorStatus] = []
    async with asyncio.timeout(10):
        while not told or told[-1].state != state:
            told += [e for e in await mailbox.receive(1) if isinstance(e, ActorStatus)]
            await mailbox.done()
    return told
