"""Files in, the events that they hold out: recordings of venues, or events as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from cryptotracker.decoding import reader_of
from cryptotracker.known import venue_named
from cryptotracker.recorded import complain, recorded
from market import Event, FrameError, Listed, Listing, SettingsError, VenueRefusedError
from stream_service.recording import GZIP
from stream_service.simulator.recorded_venue import RecordedVenue, recorded_venues

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def events_of(files: Sequence[Path]) -> Iterator[Event]:
    """Yield all events, file by file.

    Raises:
        SettingsError: a file cannot be read, or it is neither.

    """
    try:
        recordings = [file for file in files if _is_recording(file)]
        for file in files:
            if file not in recordings:
                yield from _of_lines(file)
        for venue in recorded_venues(recordings) if recordings else ():
            yield from _of_recordings(venue)
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _is_recording(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(GZIP)) == GZIP


def _of_lines(file: Path) -> Iterator[Event]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _decoder.decode(line)
            except msgspec.DecodeError as error:
                raise SettingsError(
                    f"{file}, line {number} is no event ({error}): `cryptotracker replay --print` "
                    "and `cryptotracker record` make such files."
                ) from error


def _of_recordings(venue: RecordedVenue) -> Iterator[Event]:
    """Read the frames as the venue's session did; one that cannot be read was none then either."""
    reader = reader_of(venue_named(venue.name))
    refused = 0
    for listing in venue.listings:
        yield _listed(venue, listing)
    for file in venue.files:
        with recorded(str(file), None, "", venue.name, reader) as found:
            for one in found:
                try:
                    lines = reader.read(one)
                except (FrameError, VenueRefusedError):
                    refused += 1
                else:
                    yield from (line for line in lines if not isinstance(line, Listing))
    if refused:
        complain(f"{venue.name}: {refused:,} frames could not be read, as when they came")


def _listed(venue: RecordedVenue, listing: Listing) -> Listed:
    return Listed(
        venue=venue.name,
        instrument=listing.instrument,
        symbol=listing.symbol,
        trading=listing.trading,
        tick_size=listing.tick_size,
        lot_size=listing.lot_size,
        minimum_notional=listing.minimum_notional,
        event_ns=venue.first_ns,
        received_ns=venue.first_ns,
        sequence=venue.first_ns,
    )
