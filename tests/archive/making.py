"""Archives for tests: events go to the files that they belong to."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from infrastructure.archive.kinds import EVERY_VENUE
from infrastructure.archive.places import Place, day_of
from infrastructure.archive.writing import write_file
from infrastructure.timeseries.embedded_writing import row_of
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import table_of, time_field


def keep_days(root: Path, events: Iterable[Stored]) -> None:
    """Have files of days that hold the events, in place of those that are there."""
    keep(root, events, of_year=False)


def keep_years(root: Path, events: Iterable[Stored]) -> None:
    """Have files of years that hold the events."""
    keep(root, events, of_year=True)


def keep(root: Path, events: Iterable[Stored], *, of_year: bool) -> None:
    parted: dict[tuple[type[Stored], Place], list[Stored]] = defaultdict(list)
    for event in events:
        kind = type(event)
        day = day_of(getattr(event, time_field(kind)))
        place = Place.of_day(table_of(kind), getattr(event, "venue", EVERY_VENUE), day)
        parted[kind, place.of_year if of_year else place].append(event)
    for (kind, place), some in parted.items():
        path = root / place.name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, kind, map(row_of, some))
