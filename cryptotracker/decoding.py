"""What a venue sent, read without a connection: bytes in, events out.

Bytes are a frame, or the body of an answer over REST, which the venue tells by the shape. Whoever
recorded them may have subscribed to anything, so listings are made up from the symbols alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from market import Event, FrameError, Instrument, Listing
from stream_service.polled import PolledVenue
from stream_service.recording import Connection, Start
from stream_service.venue import HttpRequest, Options, Session, Venue

PAGES = 8
"""Requests that a venue may need to list its instruments; it gets the one body there is."""

Line: TypeAlias = Event | Listing
_encode = msgspec.json.Encoder().encode


class Recorded(NamedTuple):
    """What is to be read, and where it stands: ``line 7``."""

    place: str
    body: bytes
    received_ns: int
    hint: str = ""
    link: int = 0
    request: HttpRequest | None = None


class Reader(Protocol):
    """Reads what one venue sent."""

    def read(self, recorded: Recorded) -> Sequence[Line]:
        """Return what it says; raises as `Session.receive` does."""

    def heed(self, entry: Start | Connection) -> None:
        """Take what a recording tells of what follows."""


class PolledReader:
    """Reads the answers of a service that is polled."""

    def __init__(self, venue: PolledVenue) -> None:
        self._poller = venue.poller(None)

    def read(self, recorded: Recorded) -> Sequence[Line]:
        """See `Reader.read`; what is no answer of the service gives nothing."""
        body = recorded.body
        request = recorded.request or self._poller.recognise(body, recorded.hint)
        return self._poller.answered(request, body, recorded.received_ns) if request else ()

    def heed(self, entry: Start | Connection) -> None:
        """See `Reader.heed`; requests say all there is."""


class StreamedReader:
    """Reads frames and answers of a streamed venue, each connection by a session of its own."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._options = Options(guess=self._guess)
        self._listings: dict[str, Listing] = {}
        self._sessions: dict[int, Session] = {}
        self._link_of: dict[Instrument, int] = {}
        self._newest = 0

    def heed(self, entry: Start | Connection) -> None:
        """See `Reader.heed`; the session of a connection begins with its first frame."""
        if isinstance(entry, Start):
            self._listings |= {listing.symbol: listing for listing in entry.listings}
            return
        self._newest = entry.link
        for symbol in entry.symbols:
            self._link_of[self._listing(symbol).instrument] = entry.link

    def read(self, recorded: Recorded) -> Sequence[Line]:
        """See `Reader.read`."""
        if recorded.request is not None:
            return self._answered(recorded.request, recorded)
        session = self._session(recorded.link)
        if not recorded.link:
            request = session.recognise(recorded.body, recorded.hint)
            if request is not None:
                return self._answered(request, recorded)
        return session.receive(recorded.body, recorded.received_ns)

    def _answered(self, request: HttpRequest, recorded: Recorded) -> Sequence[Line]:
        what, instrument = request.about or ("", None)
        if what == "instruments":
            return self._listed(recorded.body)
        link = self._link_of.get(instrument, self._newest) if instrument else self._newest
        return self._session(link).answered(request, recorded.body, recorded.received_ns)

    def _session(self, link: int) -> Session:
        session = self._sessions.get(link)
        if session is None:
            listings = list(self._listings.values())
            session = self._sessions[link] = self._venue.session(listings, self._options)
        return session

    def _listed(self, body: bytes) -> Sequence[Listing]:
        asking = self._venue.list_instruments(self._venue)
        try:
            next(asking)
            for _ in range(PAGES):
                asking.send(body)
        except StopIteration as done:
            listings: list[Listing] = done.value
            return listings
        raise FrameError(self._venue.name, body, f"the listing goes on for over {PAGES} pages")

    def _listing(self, symbol: str) -> Listing:
        return self._listings.get(symbol) or self._guess(symbol)

    def _guess(self, symbol: str) -> Listing:
        return Listing(instrument=self._venue.instrument(symbol), symbol=symbol)


def reader_of(venue: Venue | PolledVenue) -> Reader:
    """Make what reads the frames of a venue."""
    return StreamedReader(venue) if isinstance(venue, Venue) else PolledReader(venue)


def line_of(venue: str, line: Line) -> bytes:
    """Return an event as a line of JSON, or a listing, which has a ``kind`` as well."""
    if isinstance(line, Listing):
        return _encode({"kind": "listing", "venue": venue, **msgspec.structs.asdict(line)}) + b"\n"
    return _encode(line) + b"\n"
