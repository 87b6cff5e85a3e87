"""A year of one-minute candles, an SMA cross with fees and all figures: what it costs, each way.

The strategy object as it runs live, the compiled form, NumPy by hand (the floor), and vectorbt and
backtesting.py where they are installed; a sweep of twenty pairs; a cold process from a Parquet file
to a report; and the replay of routes (`benchmarks.arbitrage_replay`). All in processor time, in
alternating rounds of one run; each way must find the same trades, and the floor all of our figures,
or nothing is printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec
import numpy as np

from analytics.backtest import Bars, Figures, Terms, account, decide, figures
from analytics.backtest.compiled import compiled_form
from analytics.strategies import SmaCross
from analytics.strategies.crosses import Periods
from benchmarks.arbitrage_replay import figures as arbitrage
from benchmarks.backtest_floor import by_hand
from benchmarks.backtest_peers import MISSING, Vectorbt, backtesting, is_there
from benchmarks.report import Figure, arguments, report
from cryptotracker.backtesting.sweeping import Sweep

YEAR, QUICK = 525_600, 120_000
ROUNDS, QUICK_ROUNDS = 5, 3
FAST, SLOW = 50, 200
TERMS = Terms(capital=10_000.0, fee_bps=10.0)
FEE = 0.001
PAIRS = [(fast, slow) for fast in (10, 20, 30, 50) for slow in (100, 150, 200, 300, 400)]
CLOSE_ENOUGH = 1e-9


def main() -> None:
    """Measure, print, exit."""
    given = arguments(__doc__ or "")
    bars = made(QUICK if given.quick else YEAR)
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    _same_figures(bars)
    found = [*_single(bars, rounds), *_swept(bars, rounds), *_cold(bars, 1 if given.quick else 3)]
    report("backtest", [*found, *arbitrage(quick=given.quick)], as_json=given.json)


def made(count: int, seed: int = 1) -> Bars:
    """Return candles of a random walk, rounded to cents as prices are."""
    random = np.random.default_rng(seed)
    close = np.round(60_000.0 * np.exp(np.cumsum(random.normal(0.0, 0.0005, count))), 2)
    opens = np.concatenate(([60_000.0], close[:-1]))
    return Bars(
        interval="1m",
        start_ns=1_735_689_600_000_000_000 + np.arange(count, dtype=np.int64) * 60_000_000_000,
        open=opens,
        high=np.maximum(opens, close),
        low=np.minimum(opens, close),
        close=close,
        volume=random.uniform(0.1, 10.0, count),
    )


def of_object(bars: Bars) -> Figures:
    """Return the figures of the strategy as it runs live."""
    targets = decide(SmaCross(Periods(fast=FAST, slow=SLOW)), bars)
    return figures(bars, account(bars, targets, TERMS))


def of_form(bars: Bars, room: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Figures:
    """Return the figures of the compiled strategy."""
    form = compiled_form(SmaCross, Periods(fast=FAST, slow=SLOW))
    if form is None:
        raise SystemExit("numba " + MISSING.format("'cryptotracker[fast]'"))
    return form.figures(bars, TERMS, room)


def _same_figures(bars: Bars) -> None:
    """Refuse to compare what is not the same.

    Raises:
        SystemExit: a figure differs.

    """
    ours = msgspec.structs.asdict(of_object(bars))
    compiled = msgspec.structs.asdict(of_form(bars, np.empty(len(bars))))
    plain = by_hand(bars, FAST, SLOW, capital=TERMS.capital, fee=FEE)
    for name, value in ours.items():
        for other in (compiled[name], plain[name]):
            if abs(other - value) > CLOSE_ENOUGH * max(1.0, abs(value)):
                raise SystemExit(f"{name} is {value} or {other}: the ways do not do the same")


def _single(bars: Bars, rounds: int) -> Iterator[Figure]:
    room = np.empty(len(bars))
    ways: dict[str, Callable[[], object]] = {
        "floor": lambda: by_hand(bars, FAST, SLOW, capital=TERMS.capital, fee=FEE),
        "object": lambda: of_object(bars),
        "compiled": lambda: of_form(bars, room),
    }
    if is_there("vectorbt"):
        peer = Vectorbt(bars, capital=TERMS.capital, fee=FEE)
        ways["vectorbt"] = lambda: peer.run(FAST, SLOW)
    if is_there("backtesting"):
        other = backtesting(bars, capital=TERMS.capital, fee=FEE)
        ways["backtesting.py"] = lambda: other(FAST, SLOW)
    times = _alternating(ways, rounds)
    for name, found in times.items():
        yield Figure(name=f"{name}: a year", value=statistics.median(found) * 1e3, unit="ms")
    yield _ratio("object, of the floor", times["object"], times["floor"], goal=25.0)
    yield _ratio("compiled, of the floor", times["compiled"], times["floor"], goal=1.5)
    if "vectorbt" in times:
        yield _ratio("compiled, of vectorbt", times["compiled"], times["vectorbt"], goal=1.0)
    if "backtesting.py" in times:
        faster = "object, faster than backtesting.py"
        yield _ratio(faster, times["backtesting.py"], times["object"], goal=15.0, better="higher")


def _swept(bars: Bars, rounds: int) -> Iterator[Figure]:
    sweep = Sweep(SmaCross.name, [{"fast": fast, "slow": slow} for fast, slow in PAIRS], TERMS)
    ways: dict[str, Callable[[], object]] = {"sweep": lambda: sweep.trials(bars)}
    if is_there("vectorbt"):
        peer = Vectorbt(bars, capital=TERMS.capital, fee=FEE)
        ways["vectorbt's sweep"] = lambda: peer.sweep(PAIRS)
    times = _alternating(ways, max(2, rounds // 2))
    for name, found in times.items():
        yield Figure(name=f"{name} of 20 pairs", value=statistics.median(found) * 1e3, unit="ms")
    if len(times) > 1:
        theirs, ours = times["vectorbt's sweep"], times["sweep"]
        yield _ratio("sweep, faster than vectorbt", theirs, ours, goal=20.0, better="higher")
    else:
        sys.stderr.write(f"vectorbt {MISSING.format('vectorbt')}; it is not compared with.\n")
    if not is_there("backtesting"):
        sys.stderr.write(f"backtesting.py {MISSING.format('backtesting')}; as above.\n")


def _cold(bars: Bars, rounds: int) -> Iterator[Figure]:
    """Run the command in processes of their own, report included."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "candles.parquet"
        written(bars, file)
        words = ["sma-cross", str(file), "--report", f"{folder}/report.html"]
        found = []
        for _ in range(rounds):
            command = [sys.executable, "-m", "benchmarks.backtest_cold", *words]
            told = subprocess.run(  # noqa: S603  # ourselves
                command, check=True, capture_output=True, text=True
            ).stderr
            found.append([float(word) for word in told.splitlines()[-1].split()])
    clock_s, used_s = map(statistics.median, zip(*found, strict=True))
    yield Figure(
        name="a cold process, report included, beyond imports", value=used_s, unit="s", goal=1.0
    )
    yield Figure(name="the same by the clock", value=clock_s, unit="s")


def written(bars: Bars, file: Path) -> None:
    """Write candles as a Parquet file."""
    names = ("start_ns", "open", "high", "low", "close", "volume")
    with duckdb.connect() as database:
        database.register("bars", {name: getattr(bars, name) for name in names})
        database.execute(f"COPY bars TO '{file}' (FORMAT parquet, COMPRESSION zstd)")


def _alternating(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each way once to warm up, then all in turn; return seconds of processor time."""
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            times[name].append(time.process_time() - begun)
    return times


def _ratio(
    name: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    goal: float,
    better: str = "lower",
) -> Figure:
    """Return the median of the ratios of each round."""
    value = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return Figure(
        name=name,
        value=value,
        unit="times",
        goal=goal,
        better="higher" if better == "higher" else "lower",
    )


if __name__ == "__main__":
    main()
