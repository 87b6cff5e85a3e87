"""Waiting for what happens in the background."""

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Return as soon as ``condition`` holds; raise TimeoutError if it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # the condition has no event to wait on
            await asyncio.sleep(0.01)
