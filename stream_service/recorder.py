"""Keeps what venues send: a tap on the connections in, files of `stream_service.recording` out.

The stream only hands over what it heard. A thread compresses and writes it, and makes it readable
on disk once a second, so that a crash loses that much at most. When the disk cannot keep up, what
comes is left out and counted, and the file says how much it lacks; the stream goes on.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

import msgspec
import structlog

from market import Instrument, Listing
from stream_service.recorded_file import RecordedFiles
from stream_service.recording import FORMAT, Answer, Connection, Entry, Frame, Lacking, Start
from stream_service.redaction import Redaction
from stream_service.venue import Dialling, HttpRequest, ListingRequests, Venue

log = structlog.get_logger()

WAITING_AT_MOST = 64 * 2**20
"""Bytes that wait to be written."""

HEAD = 128
"""Bytes that an entry takes beside its body, about."""

FLUSH_S = 0.5


class Recorder:
    """A `Tap` that writes while its context is open.

    Args:
        folder: Where the files go; it is made.
        version: Of this program, for who reads the files.
        rotate_bytes: A file that is larger is followed by the next one, as at each full hour.
        secrets: Keys by venue, which are blotted out should a venue echo them.
        at_most: Bytes that may wait to be written.

    """

    def __init__(
        self,
        folder: Path,
        *,
        version: str,
        rotate_bytes: int,
        secrets: Callable[[str], Iterable[str]] = lambda _venue: (),
        clock: Callable[[], int] = time.time_ns,
        at_most: int = WAITING_AT_MOST,
    ) -> None:
        self.frames = 0
        self.answers = 0
        self.lacking = 0
        self.failure: OSError | None = None
        self._version = version
        self._clock = clock
        self._at_most = at_most
        self._secrets = secrets
        self._redactions: dict[str, Redaction] = {}
        self._files = RecordedFiles(folder, rotate_bytes)
        self._queue: SimpleQueue[tuple[str, Entry, bytes] | None] = SimpleQueue()
        self._put_bytes = 0  # counted by the stream alone, as is what was written by the thread
        self._written_bytes = 0
        self._lacking: dict[str, int] = defaultdict(int)
        self._links: dict[str, int] = defaultdict(int)
        self._listings: dict[str, Sequence[Listing]] = {}
        self._thread = threading.Thread(target=self._write, name="recorder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for venue in list(self._lacking):
            self._tell_lacking(venue)
        self._queue.put(None)
        self._thread.join()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._files.size

    @property
    def files(self) -> int:
        """Files begun."""
        return self._files.begun

    def frame(self, venue: str, link: int, body: bytes, received_ns: int) -> None:
        """See `Tap.frame`."""
        if self._has_room(venue, len(body)):
            self.frames += 1
            self._put(venue, Frame(link=link, at_ns=received_ns, bytes=len(body)), body)

    def answer(self, venue: str, request: HttpRequest, body: bytes, received_ns: int) -> None:
        """See `Tap.answer`; headers are left out, they may hold keys."""
        if self._has_room(venue, len(body)):
            self.answers += 1
            entry = Answer(
                path=request.path,
                method=request.method,
                host=request.host,
                about=request.about,
                at_ns=received_ns,
                bytes=len(body),
            )
            self._put(venue, entry, body)

    def begin(self, venue: str, listings: Sequence[Listing] = ()) -> None:
        """Note what a venue lists of what is followed, where that changed."""
        if self._listings.get(venue) != listings:
            self._listings[venue] = listings
            start = Start(
                format=FORMAT,
                version=self._version,
                venue=venue,
                started_ns=self._clock(),
                listings=tuple(listings),
            )
            self._put(venue, start)

    def heard(self, venue: Venue, wanted: Iterable[Instrument]) -> Venue:
        """Return the venue as it is, but for its listing and its connections being noted."""
        name, followed = venue.name, frozenset(wanted)

        def list_instruments(asked: Venue) -> ListingRequests:
            listings = yield from venue.list_instruments(asked)
            self.begin(name, [one for one in listings if one.instrument in followed])
            return listings

        def dial(dialled: Venue, listings: Sequence[Listing]) -> Dialling:
            self._links[name] += 1  # as the connection numbers them
            symbols = tuple(listing.symbol for listing in listings)
            at_ns = self._clock()
            self._put(name, Connection(link=self._links[name], symbols=symbols, at_ns=at_ns))
            return venue.dial(dialled, listings)

        return msgspec.structs.replace(venue, list_instruments=list_instruments, dial=dial)

    def _has_room(self, venue: str, size: int) -> bool:
        """Tell whether so much can still wait; what cannot is counted."""
        waiting = self._put_bytes - self._written_bytes
        if self.failure or waiting + size + HEAD > self._at_most:
            self._lacking[venue] += 1
            self.lacking += 1
            return False
        if self._lacking:
            self._tell_lacking(venue)
        return True

    def _tell_lacking(self, venue: str) -> None:
        if records := self._lacking.pop(venue, 0):
            self._put(venue, Lacking(records=records, at_ns=self._clock()))

    def _put(self, venue: str, entry: Entry, body: bytes = b"") -> None:
        self._put_bytes += len(body) + HEAD
        self._queue.put((venue, entry, body))

    def _write(self) -> None:
        """Write until told to end, in the thread."""
        try:
            while self._write_for(FLUSH_S):
                self._files.flush()
            self._files.close()
        except OSError as error:
            self.failure = error
            log.error("recorder.failed", why=str(error))  # noqa: TRY400  # no bug of ours

    def _write_for(self, seconds: float) -> bool:
        """Write for so long what comes; False: it was the end."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            try:
                item = self._queue.get(timeout=left_s)
            except Empty:
                return True
            if item is None:
                return False
            venue, entry, body = item
            self._files.write(venue, *self._redacted(venue, entry, body))
            self._written_bytes += len(body) + HEAD
        return True

    def _redacted(self, venue: str, entry: Entry, body: bytes) -> tuple[Entry, bytes]:
        redaction = self._redactions.get(venue)
        if redaction is None:
            redaction = self._redactions[venue] = Redaction(self._secrets(venue))
        if isinstance(entry, Answer):
            entry = msgspec.structs.replace(entry, path=redaction.text(entry.path))
        clean = redaction.body(body)
        if clean != body and isinstance(entry, Frame | Answer):
            entry = msgspec.structs.replace(entry, bytes=len(clean))
        return entry, clean
