"""What a check of `cryptotracker doctor` found: a check in, in time, a line of text out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal, TypeAlias

import msgspec

from market import CryptoTrackerError

State: TypeAlias = Literal["ok", "warning", "failed"]


class Finding(msgspec.Struct, frozen=True):
    """The outcome of one check; ``remedy`` is what to do where it is not ok."""

    name: str
    state: State
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" → {self.remedy}" if self.remedy and self.state != "ok" else ""
        return f"{self.state:<8}{self.name}: {self.text}{remedy}"


async def checked(name: str, check: Awaitable[str], remedy: str, *, within_s: float) -> Finding:
    """Wait for a check that returns what is well, or raises what is not."""
    try:
        async with asyncio.timeout(within_s):
            return Finding(name, "ok", await check)
    except TimeoutError as error:
        return Finding(name, "failed", str(error) or f"no answer within {within_s:g} s", remedy)
    except (CryptoTrackerError, OSError) as error:
        return Finding(name, "failed", str(error) or type(error).__name__, remedy)
