"""The documented answers of the services that are polled, and reading them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from market import Event, Instrument, Listing
from stream_service.polled import PolledVenue, Poller
from stream_service.venue import HttpRequest
from stream_service.venues import load_polled
from tests.making import a_book
from tests.venues.playing import ToldMarket

FIXTURES = Path(__file__).parent / "fixtures"
POLLED = load_polled()
ANSWERS: dict[str, dict[str, msgspec.Raw]] = {
    name: msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes(), type=dict[str, msgspec.Raw])
    for name in POLLED
}
RECEIVED = 1_790_000_000_000_000_000
"""September 2026, in New York still summer."""


def instruments(*names: str) -> list[Instrument]:
    return [Instrument.parse(name) for name in names]


def a_body(venue: str, name: str) -> bytes:
    return bytes(ANSWERS[venue][name])


def read(poller: Poller, body: bytes, hint: str = "") -> list[Event]:
    """Read a body without having been told what it answers."""
    request = poller.recognise(body, hint)
    assert request is not None
    return list(poller.answered(request, body, RECEIVED))


def requests(poller: Poller) -> list[HttpRequest]:
    return [wish.request for wish in poller.wishes()]


def a_polled_market(venue: PolledVenue, *names: str) -> ToldMarket:
    """Return a market whose books are around 100."""
    wanted = instruments(*names)
    listings = [Listing(instrument=one, symbol=venue.symbol(one)) for one in wanted]
    books = [a_book(venue.name, str(one), at_ns=RECEIVED) for one in wanted]
    return ToldMarket(listings, books)


def played(venue: PolledVenue, poller: Poller, market: ToldMarket) -> Iterator[Event]:
    """Make every request that the poller wishes for."""
    for request in requests(poller):
        signed = venue.sign(request, dict.fromkeys(venue.credentials, "a-key"))
        yield from poller.answered(request, venue.answer(signed.path, market), RECEIVED)
