"""Jobs in, what came of them out, each in a process of its own: few at once, none for too long."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import msgspec

from api_service.backtest_offer import OF_SHIPPED, Offer
from api_service.backtest_worker import Done
from api_service.problems import ProblemError

AT_ONCE = 2
TOGETHER = 6
"""Those that run and those that wait for their turn."""

_decode = msgspec.msgpack.Decoder(Done).decode


class BacktestDesk:
    """Lets so many run; a process that takes too long, or whose client left, is ended.

    Args:
        offer: What may be tried.
        within_s: How long a process may take.

    """

    def __init__(self, offer: Offer = OF_SHIPPED, *, within_s: float = 60.0) -> None:
        self.offer = offer
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._there = 0
        self._within_s = within_s

    async def do(self, job: Callable[[], Awaitable[bytes]]) -> Done:
        """Have a job made, see `job_of`, and do it, once it is its turn.

        Raises:
            ProblemError: too many are there, it takes too long, or cannot be done.

        """
        if self._there >= TOGETHER:
            raise ProblemError("too-many-backtests", f"{TOGETHER} are under way or wait already.")
        self._there += 1
        try:
            async with self._turn:
                done = await self._answer(await job())
        finally:
            self._there -= 1
        if done.why_not:
            raise ProblemError("invalid-parameter", f"{done.why_not}.")
        return done

    async def _answer(self, job: bytes) -> Done:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self.offer.worker, stdin=pipe, stdout=pipe
        )
        try:
            async with asyncio.timeout(self._within_s):
                told, _ = await process.communicate(job)
        except TimeoutError:
            raise ProblemError(
                "backtest-too-long",
                f"It took more than {self._within_s:g} s: take fewer candles.",
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise ProblemError("internal", "The process of the backtest ended: see the log.")
        return _decode(told)
