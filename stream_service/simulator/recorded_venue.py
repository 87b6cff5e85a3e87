"""What the recordings of one venue hold, looked through before they are played."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from market import Listing
from stream_service.recording import Answer, Entry, Frame, Reader, Start

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""What is asked for: a route and its parameters; times are left out, they are never the same."""

TIME = re.compile(r"\d{10,}(\.\d+)?|\d{4}-\d\d-\d\d[T ].*")


class RecordedVenue:
    """The recordings of one venue, one after the other.

    ``listings`` are what it listed, ``first_ns`` and ``last_ns`` when the first and the last was
    received; ``answers`` counts the answers to each request. ``cuts`` says which files end early.

    Raises:
        UnreadableError: a file cannot be read.

    """

    def __init__(self, name: str, files: Sequence[Path]) -> None:
        self.name = name
        self.files = files
        self.answers: Counter[Key] = Counter()
        self.cuts: list[str] = []
        self.first_ns = self.last_ns = 0
        self._listings: dict[str, Listing] = {}
        self._last_frames: dict[int, int] = {}
        for number, (entry, _) in enumerate(self.entries()):
            self._look_at(number, entry)

    @property
    def listings(self) -> list[Listing]:
        """What the venue listed of what was followed, as it was last."""
        return list(self._listings.values())

    def entries(self) -> Iterator[tuple[Entry, bytes]]:
        """Yield each entry with its body."""
        self.cuts.clear()
        for path in self.files:
            with path.open("rb") as file:
                reader = Reader(file, str(path))
                yield from reader.entries()
            if reader.cut:
                self.cuts.append(f"{path}: {reader.cut}")

    def last_frame(self, link: int) -> int:
        """Return which entry is the last frame of a connection, counted from 0; -1: it has none."""
        return self._last_frames.get(link, -1)

    def _look_at(self, number: int, entry: Entry) -> None:
        if isinstance(entry, Start):
            self._listings |= {listing.symbol: listing for listing in entry.listings}
            return
        self.first_ns = self.first_ns or entry.at_ns
        self.last_ns = entry.at_ns
        if isinstance(entry, Frame):
            self._last_frames[entry.link] = number
        elif isinstance(entry, Answer):
            self.answers[key_of(entry.path)] += 1


def key_of(path: str) -> Key:
    """Return what a path with its query asks for, however it is spelt."""
    url = urlsplit(path)
    query = parse_qsl(url.query, keep_blank_values=True)
    return unquote(url.path), tuple(
        sorted((name, "" if TIME.fullmatch(value) else value) for name, value in query)
    )


def recorded_venues(paths: Iterable[Path]) -> list[RecordedVenue]:
    """Look through recordings, those of one venue in the order of their time.

    Raises:
        UnreadableError: a file is no recording.
        OSError: it cannot be read at all.

    """
    starts: dict[str, list[tuple[int, Path]]] = {}
    for path in dict.fromkeys(paths):
        with path.open("rb") as file:
            start, _ = next(Reader(file, str(path)).entries())
        if isinstance(start, Start):  # it is, the reader sees to that
            starts.setdefault(start.venue, []).append((start.started_ns, path))
    return [
        RecordedVenue(venue, [path for _, path in sorted(found)]) for venue, found in starts.items()
    ]


def name_of(symbols: Iterable[str]) -> str:
    """Return a short name for what a connection is for, the same in whatever order."""
    return sha256("\n".join(sorted(symbols)).encode()).hexdigest()[:16]
