"""A process that archives and folds, for a test to kill: STORE ROOT DAYS_UNTIL_NOW."""

import asyncio
import sys
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.folding import fold
from infrastructure.archive.places import start_of_day
from infrastructure.timeseries.embedded import EmbeddedTimeSeries

FIRST = date(2026, 3, 1)
DAYS = 3
LATER = date(2026, 5, 1)


async def archive_all(store: Path, root: Path) -> None:
    """Archive the days and fold them, then say so."""
    files = LocalFiles(root)
    with closing(EmbeddedTimeSeries.open(store)) as opened:
        for number in range(DAYS):
            day = FIRST + timedelta(days=number)
            await archive_day(opened, files, day, now_ns=start_of_day(LATER))
            fold(files, LATER)


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201  # the test waits for it
    asyncio.run(archive_all(Path(sys.argv[1]), Path(sys.argv[2])))
    print("done", time.time(), flush=True)  # noqa: T201  # as above
