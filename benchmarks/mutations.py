"""Damaged frames of every venue in, what came of them out; exit status 1: something failed.

The frames are those of the fixtures, those that the simulated exchanges tell, and where
``CRYPTOTRACKER_FRAMES`` names a folder of recordings, some of those. They are fed to sessions that
live on over many of them. A failure names its life: the same seed, venue and number give it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from tests.venues.cases import VENUES
from tests.venues.oracle.campaign import FRAMES_A_LIFE, FailedError, Life
from tests.venues.oracle.polling import PolledLife
from tests.venues.polled_cases import POLLED

COLUMNS = ("frames", "good", "refused", "venue refused", "connections", "Quote", "Trade", "Book")


class Failure(msgspec.Struct, frozen=True):
    """A life that ended badly; ``seed`` is all that it takes to see it again."""

    venue: str
    seed: str
    why: str


class Outcome(msgspec.Struct, frozen=True):
    """What came of the frames of one venue."""

    venue: str
    counts: dict[str, int]
    seconds: float
    failures: Sequence[Failure]


def main() -> None:
    """Run the campaign and exit."""
    given = _arguments()
    names = given.venue or [*VENUES, *POLLED]
    if given.life:
        lives: Sequence[str] = given.life
    else:
        count = max(1, given.frames // (FRAMES_A_LIFE * len(names)))
        lives = [f"{given.seed}:{number}" for number in range(count)]
    outcomes = [campaign(name, lives) for name in names]
    if given.json:
        print(msgspec.json.encode(outcomes).decode())
    else:
        _tell(outcomes)
    sys.exit(1 if any(outcome.failures for outcome in outcomes) else 0)


def campaign(venue: str, lives: Sequence[str]) -> Outcome:
    """Live through all ``lives`` at one venue."""
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    for name in lives:
        life = Life(VENUES[venue], name) if venue in VENUES else PolledLife(venue, name)
        try:
            life.run()
        except FailedError as error:
            failures.append(Failure(venue, name, str(error)[:2_000]))
        counts += life.counts
    return Outcome(venue, dict(counts), time.perf_counter() - started, failures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000, help="of all venues together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venue", action="append", choices=[*VENUES, *POLLED])
    parser.add_argument("--life", action="append", help="only this one, such as 1:17")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    return parser.parse_args()


def _tell(outcomes: Sequence[Outcome]) -> None:
    table = Table("venue", *COLUMNS, "seconds", "failed")
    for outcome in outcomes:
        counts = [f"{outcome.counts.get(column, 0):,}" for column in COLUMNS]
        table.add_row(outcome.venue, *counts, f"{outcome.seconds:.1f}", str(len(outcome.failures)))
    console = Console()
    console.print(table)
    for failure in (failure for outcome in outcomes for failure in outcome.failures):
        console.print(f"{failure.venue} --life {failure.seed}: {failure.why}", markup=False)


if __name__ == "__main__":
    main()
