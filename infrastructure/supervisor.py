"""Runs the parts of a process side by side: restarts what fails, shows it, gives up in the end."""

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, Protocol, TypeAlias

import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_exception

from infrastructure.bus.port import Bus
from infrastructure.retry import FailureWindow
from market import ActorStatus, GaveUpError, SettingsError

log = structlog.get_logger()

TELL_WITHIN_S = 0.5

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

    """

    def __init__(
        self, bus: Bus, *, restarts: int = 5, window_s: float = 60.0, heartbeat_s: float = 2.0
    ) -> None:
        self.bus = bus
        self.restarts = restarts
        self.window_s = window_s
        self.heartbeat_s = heartbeat_s
        self._status: dict[str, tuple[State, str, int]] = {}

    async def run(self, *tiers: Sequence[Supervised]) -> None:
        """Run the parts until cancelled; a tier starts once all before it are listening.

        Raises:
            GaveUpError: in an ExceptionGroup, when a part failed too often.
            SettingsError: in an ExceptionGroup; trying again would not mend a setting.

        """
        async with asyncio.TaskGroup() as tasks:
            for part in (part for tier in tiers for part in tier):
                tasks.create_task(self._beat(part), name=f"{part.name}.heartbeat")
            for tier in tiers:
                for part in tier:
                    tasks.create_task(self._keep_running(part), name=part.name)
                for part in tier:
                    await part.listening.wait()

    async def _keep_running(self, part: Supervised) -> None:
        window = FailureWindow(self.restarts, self.window_s)
        self._note(part, "starting")
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_heal), stop=window.stop, wait=window.wait
        )
        try:
            async for attempt in retrying:
                with attempt:
                    await self._run_once(part, window)
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

    async def _run_once(self, part: Supervised, window: FailureWindow) -> None:
        try:
            await part.run()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            await self._note_failure(part, window, error)
            raise RuntimeError(f"{part.name} was cancelled from within") from error
        except Exception as error:
            await self._note_failure(part, window, error)
            raise
        ended = RuntimeError(f"{part.name} returned; a part runs until it is cancelled")
        await self._note_failure(part, window, ended)
        raise ended

    async def _note_failure(
        self, part: Supervised, window: FailureWindow, error: BaseException
    ) -> None:
        window.failed()
        part.listening.clear()
        restarts = self._status[part.name][2] + 1
        self._status[part.name] = ("restarting", repr(error), restarts)
        log.error("actor.restarting", actor=part.name, recent=window.recent, exc_info=error)
        await self._tell(part)

    def _note(self, part: Supervised, state: State, reason: str = "") -> None:
        restarts = self._status.get(part.name, ("", "", 0))[2]
        self._status[part.name] = (state, reason, restarts)

    async def _beat(self, part: Supervised) -> None:
        """Tell at every heartbeat, and at once when the part begins to listen."""
        while True:
            await self._tell(part)
            if part.listening.is_set():
                await asyncio.sleep(self.heartbeat_s)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self.heartbeat_s):
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
                state = "running"
        now = time.time_ns()
        return ActorStatus(
            actor=part.name,
            process=PROCESS,
            state=state,
            reason=reason,
            handled=part.handled,
            dead=part.dead,
            restarts=restarts,
            event_ns=now,
            received_ns=now,
            sequence=now,
        )


def _may_heal(error: BaseException) -> bool:
    if isinstance(error, ExceptionGroup):
        return error.subgroup(SettingsError) is None
    return isinstance(error, Exception) and not isinstance(error, SettingsError)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
