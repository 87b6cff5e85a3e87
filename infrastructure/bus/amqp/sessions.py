"""Sessions with the broker: when one is lost the next is built from nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from infrastructure.retry import FailureWindow
from market import BusUnavailableError, SettingsError

WINDOW_S = 60.0
LONGEST_WAIT_S = 2.0

log = structlog.get_logger()


class Sessions:
    """Runs ``serve`` again and again: it connects, calls `note_up`, and works until it raises.

    The wait in between is random; it doubles with each failure of the last minute, to 2 s at most.
    """

    def __init__(self, name: str, serve: Callable[[], Coroutine[None, None, None]]) -> None:
        self.name = name
        self.count = 0
        self.up = asyncio.Event()
        self.why_down = "it did not answer yet"
        self._serve = serve
        self._failures = FailureWindow(0, WINDOW_S)

    def note_up(self) -> None:
        """Note that the session takes and gives messages."""
        self.count += 1
        self.up.set()
        log.info("bus.connected", session=self.name, count=self.count)

    @asynccontextmanager
    async def kept(self, *, within_s: float) -> AsyncIterator[None]:
        """Keep a session for as long as the context lasts; enter it once the first one is up.

        Raises:
            BusUnavailableError: none is up after ``within_s``.
            SettingsError: the broker refuses the first one.

        """
        async with beside(self.keep(), name=f"bus.{self.name}"):
            try:
                async with asyncio.timeout(within_s):
                    await self.up.wait()
            except TimeoutError:
                raise BusUnavailableError(f"{self.why_down} (tried for {within_s:g} s)") from None
            yield

    async def keep(self) -> None:
        """Keep a session until cancelled.

        Raises:
            SettingsError: the broker refuses the first one.

        """
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(self._may_heal),
            after=self._note_down,
            wait=self._wait,
            reraise=True,
        ):
            with attempt:
                try:
                    await self._serve()
                finally:
                    self.up.clear()

    def _may_heal(self, error: BaseException) -> bool:
        """Tell whether to go on; a refusal ends only the first session, as a mistake of ours."""
        return isinstance(error, BusUnavailableError) or (
            isinstance(error, SettingsError) and self.count > 0
        )

    def _note_down(self, state: RetryCallState) -> None:
        self._failures.failed()
        self.why_down = str(state.outcome.exception() if state.outcome else "")
        log.warning("bus.lost", session=self.name, why=self.why_down)

    def _wait(self, _state: RetryCallState) -> float:
        longest = min(0.1 * 2.0**self._failures.recent, LONGEST_WAIT_S)
        return random.uniform(longest / 2, longest)  # noqa: S311  # jitter, no secret


@asynccontextmanager
async def beside(*works: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run ``works`` while the context lasts; should one fail, all end and the error is raised.

    An error passes as it is, not in an `ExceptionGroup`; should several fail, the first one does,
    with a note of the others: when a connection is lost, all that use it fail at once.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work, name=name) for work in works]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    except BaseExceptionGroup as group:
        first, *others = group.exceptions
        for other in others:
            first.add_note(f"Beside it failed: {other!r}")
        raise first from first.__cause__
