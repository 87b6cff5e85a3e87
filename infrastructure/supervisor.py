"""Runs the parts of a process side by side: restarts what fails, shows it, gives up in the end."""

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type

from infrastructure.bus.port import Bus
from infrastructure.retry import FailureWindow
from market import ActorStatus, GaveUpError

log = structlog.get_logger()

PROCESS = f"{socket.gethostname()}:{os.getpid()}"

State: TypeAlias = Literal["starting", "running", "waiting", "restarting", "gave_up", "stopped"]


class Supervised(Protocol):
    """Something that runs until it is cancelled: an actor, a venue's connection, a server."""

    name: str
    listening: asyncio.Event
    handled: int
    dead: int

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

    async def run(self, parts: Sequence[Supervised]) -> None:
        """Run the parts until cancelled.

        Raises:
            GaveUpError: in an ExceptionGroup, when a part failed too often.

        """
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(self._keep_running(part), name=part.name)
            tasks.create_task(self._beat(parts), name="supervisor.heartbeat")

    async def _keep_running(self, part: Supervised) -> None:
        window = FailureWindow(self.restarts, self.window_s)
        self._note(part, "starting")
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Exception), stop=window.stop, wait=window.wait
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
        restarts = self._status[part.name][2] + 1
        self._status[part.name] = ("restarting", repr(error), restarts)
        log.error("actor.restarting", actor=part.name, recent=window.recent, exc_info=error)
        await self._tell(part)

    def _note(self, part: Supervised, state: State, reason: str = "") -> None:
        restarts = self._status.get(part.name, ("", "", 0))[2]
        self._status[part.name] = (state, reason, restarts)

    async def _beat(self, parts: Sequence[Supervised]) -> None:
        while True:
            for part in parts:
                await self._tell(part)
            await asyncio.sleep(self.heartbeat_s)

    async def _tell(self, part: Supervised) -> None:
        state, reason, restarts = self._status.get(part.name, ("starting", "", 0))
        if part.listening.is_set() and state != "gave_up":
            state = "running"
        now = time.time_ns()
        status = ActorStatus(
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
        await self.bus.publish([status])


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
