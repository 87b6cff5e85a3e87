"""Archives for tests: events go to the files that they belong to."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from infrastructure.archive.kinds import EVERY_VENUE
from infrastructure.archive.places import Place, day_of
from infrastructure.archive.writing import write_file
from infrastructure.timeseries.embedded_writing import row_of
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import kept_as, table_of, time_field
from tests.making import (
    MINUTE,
    SECOND,
    a_book,
    a_candle,
    a_gap,
    a_premium,
    a_quote,
    a_signal,
    a_status,
    a_summary,
    a_trade,
    a_venue_candle,
    an_episode,
)


def keep_days(root: Path, events: Iterable[Stored]) -> None:
    """Have files of days that hold the events, in place of those that are there."""
    keep(root, events, of_year=False)


def keep_years(root: Path, events: Iterable[Stored]) -> None:
    """Have files of years that hold the events."""
    keep(root, events, of_year=True)


def keep(root: Path, events: Iterable[Stored], *, of_year: bool) -> None:
    parted: dict[tuple[type[Stored], Place], list[Stored]] = defaultdict(list)
    for event in events:
        kind = kept_kind(event)
        day = day_of(getattr(event, time_field(kind)))
        place = Place.of_day(table_of(kind), getattr(event, "venue", EVERY_VENUE), day)
        parted[kind, place.of_year if of_year else place].append(event)
    for (kind, place), some in parted.items():
        path = root / place.name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, kind, map(row_of, some))


def damage_all(root: Path, *, header: bool = False) -> list[Path]:
    """Cut every file short, or overwrite what says what is in it; return them."""
    paths = sorted(root.rglob("*.parquet"))
    for path in paths:
        content = path.read_bytes()
        begin = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        overwritten = content[:begin] + b"\xff" * 40 + content[begin + 40 :]
        path.write_bytes(overwritten if header else content[: len(content) // 2])
    return paths


def kept_kind(event: Stored) -> type[Stored]:
    """Return the kind that names the file that an event belongs to."""
    return kept_as(type(event), getattr(event, "interval", ""))


def of_every_kind(at_ns: int) -> list[Stored]:
    """Make an event of each kind that is archived, at one time."""
    return [
        a_trade(number=at_ns % 997, at_ns=at_ns),
        a_quote(at_ns=at_ns),
        a_book(at_ns=at_ns, sequence=at_ns),
        a_summary(at_ns=at_ns),
        a_status(at_ns=at_ns),
        a_candle(start_ns=at_ns),
        a_candle(start_ns=at_ns, interval="1s"),
        a_venue_candle(start_ns=at_ns, trades=None),
        a_gap(start_ns=at_ns, end_ns=at_ns + SECOND),
        an_episode(closed_ns=at_ns),
        a_signal(start_ns=at_ns - MINUTE),
        msgspec.structs.replace(a_premium(at_ns=at_ns), venue="kraken"),
    ]
