"""What a process does that archives and folds until a test kills it."""

import asyncio
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.folding import fold
from infrastructure.archive.places import start_of_day
from infrastructure.timeseries.embedded import EmbeddedTimeSeries

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(2)]
LATER = date(2027, 2, 1)


def archive_all(store: Path, root: Path) -> None:
    """Archive the days one by one, and fold after each."""
    asyncio.run(_archive_all(store, LocalFiles(root)))


async def _archive_all(store: Path, files: LocalFiles) -> None:
    with closing(EmbeddedTimeSeries.open(store)) as opened:
        for day in DAYS:
            await archive_day(opened, files, day, now_ns=start_of_day(LATER))
            fold(files, LATER)
