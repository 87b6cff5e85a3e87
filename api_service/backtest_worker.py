"""A process of its own that reads candles and a strategy, and writes what came of it.

    python -m api_service.backtest_worker

So a backtest that takes too long can be ended, and holds nobody up. This one knows the strategies
that ship; who offers others names a module whose ``main`` finds those, see `backtest_offer`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import TypeAlias

import msgspec
import numpy as np

from analytics.backtest import Bars, Result, Terms, backtest
from analytics.strategies import SHIPPED, Strategy

COLUMNS = ("open", "high", "low", "close", "volume")

Find: TypeAlias = Callable[[str], type[Strategy]]
"""Returns a strategy by what another process calls it."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done; ``columns`` are bytes of arrays, by name."""

    strategy: str
    parameters: Mapping[str, float]
    terms: Terms
    interval: str
    columns: Mapping[str, bytes]
    points: int
    trades: int


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """See `RoundTrip`; times in nanoseconds, None: it is open."""

    bought_ns: int
    sold_ns: int | None
    entry: float
    leave: float
    profit: float
    gain: float


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: ``equity`` at some closes, the last ``trips``; or why there is nothing."""

    why_not: str = ""
    parameters: Mapping[str, float] = {}
    figures: Mapping[str, float | int | None] = {}
    equity: list[tuple[int, float]] = []
    trips: list[Trip] = []


def job_of(bars: Bars, **given: object) -> bytes:
    """Return a job as the worker reads it."""
    known = () if bars.premium_bps is None else ("premium_bps",)
    columns = {name: getattr(bars, name).tobytes() for name in ("start_ns", *COLUMNS, *known)}
    return msgspec.msgpack.encode({"interval": bars.interval, "columns": columns, **given})


def worked(job: Job, find: Find) -> Done:
    """Do it; what a user's own strategy raises is told."""
    columns = {n: np.frombuffer(told) for n, told in job.columns.items() if n != "start_ns"}
    starts = np.frombuffer(job.columns["start_ns"], np.int64)
    bars = Bars(interval=job.interval, start_ns=starts, **columns)
    try:
        result = backtest(find(job.strategy), bars, job.terms, **job.parameters)
    except ValueError as error:
        return Done(why_not=str(error))
    except Exception as error:  # noqa: BLE001  # whatever a user's own strategy raises
        return Done(why_not=f"{job.strategy} failed: {error!r}")
    return Done(
        parameters=msgspec.structs.asdict(result.parameters),
        figures=msgspec.structs.asdict(result.figures),
        equity=_equity(result, job.points),
        trips=_trips(result, job.trades),
    )


def main(find: Find = SHIPPED.__getitem__) -> None:
    """Read a job, do it, write what came of it."""
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
    with redirect_stdout(sys.stderr):  # whatever a user's own strategy prints
        done = worked(job, find)
    sys.stdout.buffer.write(msgspec.msgpack.encode(done))


def _equity(result: Result, points: int) -> list[tuple[int, float]]:
    """Return the equity at closes that are evenly apart, the last among them."""
    bars, size = result.bars, len(result.bars)
    places = np.unique(np.linspace(0, size - 1, min(points, size)).astype(np.int64))
    ends = (bars.start_ns[places] + bars.length_ns).tolist()
    return list(zip(ends, result.account.equity[places].tolist(), strict=True))


def _trips(result: Result, number: int) -> list[Trip]:
    starts = result.bars.start_ns
    return [
        Trip(
            bought_ns=int(starts[trip.start]),
            sold_ns=None if trip.is_open else int(starts[trip.end]),
            entry=trip.entry,
            leave=trip.leave,
            profit=trip.profit,
            gain=trip.gain,
        )
        for trip in result.account.trips[-number:]
    ]


if __name__ == "__main__":
    main()
