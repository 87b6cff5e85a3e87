"""Runs the parts of a process side by side: restarts what fails, shows it, gives up in the end.

Parts come in tiers: what a tier publishes is for those before it. So a tier starts once all before
it are listening, and stops before them; they are left to deal with what it published, for a while.
"""

import asyncio
import math
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Literal, Protocol, TypeAlias

import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_exception

from infrastructure.bus.port import Bus
from infrastructure.retry import FailureWindow
from market import (
    ActorStatus,
    BusUnavailableError,
    GaveUpError,
    SettingsError,
    UnavailableError,
)

log = structlog.get_logger()

TELL_WITHIN_S = 0.5

LONGEST_WAIT_S = 5.0
"""For what a part stands on, between two attempts."""

PROCESS = f"{socket.gethostname()}:{os.getpid()}"

State: TypeAlias = Literal["starting", "running", "waiting", "restarting", "gave_up", "stopped"]


class Supervised(Protocol):
    """Something that runs until it is cancelled: an actor, a venue's connection, a server."""

    @property
    def name(self) -> str:
        """What it is called in logs and statuses."""

    @property
    def listening(self) -> asyncio.Event:
        """Set while nothing that happens is missed."""

    @property
    def handled(self) -> int:
        """Events, frames or requests dealt with so far."""

    @property
    def dead(self) -> int:
        """Events that were dead-lettered."""

    async def run(self) -> None:
        """Run; set ``listening`` once nothing that happens from now on is missed."""


class Supervisor:
    """Gives each part a task, one parent to all of them.

    Args:
        bus: Where the state of each part is told, on each change and every ``heartbeat_s``.
        restarts: Failures of one part within ``window_s`` that are forgiven; one more ends all.
            Where what it stands on is away, it has not failed: it is tried again, for ever.
        process: Names this process in what is told.
        drain_s: How long all tiers but the first may take to stop and be dealt with; then all that
            still runs is stopped.

    """

    def __init__(
        self,
        bus: Bus,
        *,
        restarts: int = 5,
        window_s: float = 60.0,
        heartbeat_s: float = 2.0,
        drain_s: float = 1.5,
        process: str = PROCESS,
    ) -> None:
        self.bus = bus
        self.restarts = restarts
        self.window_s = window_s
        self.heartbeat_s = heartbeat_s
        self.drain_s = drain_s
        self.process = process
        self._status: dict[str, tuple[State, str, int]] = {}
        self._failures: list[Exception] = []
        self._has_failed = asyncio.Event()
        self._parts: list[Supervised] = []

    def statuses(self) -> list[ActorStatus]:
        """Return how each part does, all at this moment."""
        return [self._status_of(part) for part in self._parts]

    async def run(self, *tiers: Sequence[Supervised]) -> None:
        """Run the parts until cancelled; a second cancellation stops all of them at once.

        Raises:
            GaveUpError: in an ExceptionGroup, when a part failed too often.
            SettingsError: in an ExceptionGroup; trying again would not mend a setting.

        """
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._run(tiers, tasks)
        except asyncio.CancelledError:
            if not self._failures:
                raise
        raise ExceptionGroup("parts of the process failed", self._failures)

    async def _run(self, tiers: Sequence[Sequence[Supervised]], tasks: asyncio.TaskGroup) -> None:
        """Run until cancelled or until a part failed for good; stop in order."""
        self._parts = list(chain(*tiers))
        beating = [
            tasks.create_task(self._beat(part), name=f"{part.name}.heartbeat")
            for part in self._parts
        ]
        running: list[list[asyncio.Task[None]]] = []
        starting = tasks.create_task(self._start(tiers, tasks, running))
        try:
            await self._has_failed.wait()
        finally:
            starting.cancel()
            await self._stop(running)
        for task in beating:
            task.cancel()

    async def _start(
        self,
        tiers: Sequence[Sequence[Supervised]],
        tasks: asyncio.TaskGroup,
        running: list[list[asyncio.Task[None]]],
    ) -> None:
        for tier in tiers:
            running.append(
                [tasks.create_task(self._run_part(part), name=part.name) for part in tier]
            )
            for part in tier:
                await part.listening.wait()

    async def _stop(self, running: Sequence[Sequence[asyncio.Task[None]]]) -> None:
        """Stop the last tier first, and the first one once the bus has settled."""
        try:
            async with asyncio.timeout(self.drain_s):
                for tier in reversed(running[1:]):
                    await _stopped(tier, within_s=self.drain_s / 2)
                    await self.bus.settle()
        except (TimeoutError, BusUnavailableError) as error:
            log.warning("supervisor.not_drained", within_s=self.drain_s, why=repr(error))
        await _stopped([task for task in chain(*running) if not task.cancelling()])

    async def _run_part(self, part: Supervised) -> None:
        """Keep a part running; what it fails with in the end, ends all."""
        try:
            await self._keep_running(part)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised in the end
            self._failures.append(error)
            self._has_failed.set()

    async def _keep_running(self, part: Supervised) -> None:
        window = FailureWindow(self.restarts, self.window_s)
        away = FailureWindow(math.inf, self.window_s, longest_s=LONGEST_WAIT_S)
        self._note(part, "starting")
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_heal),
            stop=window.stop,
            wait=lambda state: max(window.wait(state), away.wait(state)),
        )
        try:
            async for attempt in retrying:
                with attempt:
                    await self._run_once(part, window, away)
        except RetryError as error:
            cause = error.last_attempt.exception()
            self._note(part, "gave_up", repr(cause))
            await self._tell(part)
            raise GaveUpError(
                f"{part.name} failed {window.recent} times within {self.window_s:g} s, "
                f"the last time with {cause!r}"
            ) from cause
        except asyncio.CancelledError:
            self._note(part, "stopped")
            await self._tell(part)
            raise

    async def _run_once(self, part: Supervised, window: FailureWindow, away: FailureWindow) -> None:
        ended: Exception
        try:
            await part.run()
            ended = RuntimeError(f"{part.name} returned; a part runs until it is cancelled")
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            ended = RuntimeError(f"{part.name} was cancelled from within")
            ended.__cause__ = error
        except Exception as error:  # noqa: BLE001  # whatever it is, the part has failed
            ended = error
        if _is_cancelled():  # it was to end, and is not started again for ending badly
            log.error("actor.stopped_badly", actor=part.name, exc_info=ended)
            raise asyncio.CancelledError from ended
        part.listening.clear()
        if _is_absence(ended):
            away.failed()
            self._note(part, "waiting", str(ended))
            log.warning("actor.waiting", actor=part.name, why=str(ended))
        else:
            window.failed()
            self._note_failure(part, ended, window.recent)
        await self._tell(part)
        raise ended

    def _note_failure(self, part: Supervised, error: Exception, recent: int) -> None:
        restarts = self._status[part.name][2] + 1
        self._status[part.name] = ("restarting", repr(error), restarts)
        log.error("actor.restarting", actor=part.name, recent=recent, exc_info=error)

    def _note(self, part: Supervised, state: State, reason: str = "") -> None:
        restarts = self._status.get(part.name, ("", "", 0))[2]
        self._status[part.name] = (state, reason, restarts)

    async def _beat(self, part: Supervised) -> None:
        """Tell at every heartbeat, and at once when the part begins to listen."""
        heartbeat_s = min(self.heartbeat_s, getattr(part, "heartbeat_s", self.heartbeat_s))
        while True:
            await self._tell(part)
            if part.listening.is_set():
                await asyncio.sleep(heartbeat_s)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(heartbeat_s):
                    await part.listening.wait()

    async def _tell(self, part: Supervised) -> None:
        """Publish the state; a bus that takes nothing must not keep a part from its restart."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_WITHIN_S):
                await self.bus.publish([self._status_of(part)])

    def _status_of(self, part: Supervised) -> ActorStatus:
        state, reason, restarts = self._status.get(part.name, ("starting", "", 0))
        if state not in ("gave_up", "stopped"):
            if waiting_for := getattr(part, "waiting_for", ""):  # actors have it, others may not
                state, reason = "waiting", waiting_for
            elif part.listening.is_set():
                state, reason = "running", getattr(part, "remark", reason)
        now = time.time_ns()
        return ActorStatus(
            actor=part.name,
            process=self.process,
            state=state,
            reason=reason,
            handled=part.handled,
            dead=part.dead,
            restarts=restarts,
            counts=dict(getattr(part, "counts", {})),  # as above
            event_ns=now,
            received_ns=now,
            sequence=now,
        )


async def _stopped(tier: Sequence[asyncio.Task[None]], *, within_s: float | None = None) -> None:
    """Cancel the tasks and wait for their end, for so long at most."""
    for task in tier:
        task.cancel()
    if tier:
        await asyncio.wait(tier, timeout=within_s)


def _may_heal(error: BaseException) -> bool:
    if isinstance(error, ExceptionGroup):
        return error.subgroup(SettingsError) is None
    return isinstance(error, Exception) and not isinstance(error, SettingsError)


def _is_absence(error: Exception) -> bool:
    """Tell whether all that went wrong is that something else is away."""
    if isinstance(error, ExceptionGroup):
        return error.split(UnavailableError)[1] is None
    return isinstance(error, UnavailableError)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
