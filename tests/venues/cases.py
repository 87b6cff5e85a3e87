"""The documented frames of the fixtures, and small markets to play with."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from market import Event, Instrument, Listing
from stream_service.venue import Session, Venue
from stream_service.venues import load_venues
from stream_service.wire import MS
from tests.making import MINUTE, a_book
from tests.venues.playing import NOW, ToldMarket

FIXTURES = Path(__file__).parent / "fixtures"
VENUES = load_venues()
AT = 1_790_134_742_106 * MS


class FixtureListing(msgspec.Struct):
    instrument: str
    symbol: str


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """Documented frames, with their digits as they are, and the events that they mean."""

    source: str
    listings: list[FixtureListing]
    frames: list[msgspec.Raw]
    events: list[Event]
    answers: dict[str, msgspec.Raw] = {}

    def session(self, venue: str) -> Session:
        return VENUES[venue].session(
            [
                Listing(instrument=Instrument.parse(row.instrument), symbol=row.symbol)
                for row in self.listings
            ]
        )


def a_case(path: Path) -> Case:
    return msgspec.json.decode(path.read_bytes(), type=Case)


def answers(case: Case, session: Session) -> Iterator[Event]:
    session.opened()
    instruments = [listing.instrument for listing in session.listings.values()]
    recalled = [session.recall(instrument) for instrument in instruments]
    recalled += [
        session.recall_candles(instrument, start_ns=AT - MINUTE, end_ns=AT)
        for instrument in instruments
    ]
    for request in [*session.requests(), *(one for one in recalled if one)]:
        body = case.answers.get(request.path.partition("?")[0])
        if body is not None:
            yield from session.answered(request, bytes(body), NOW)


CASES = {
    f"{path.parent.name}-{path.stem}": a_case(path) for path in sorted(FIXTURES.glob("*/*.json"))
}
FRAMES = [
    (name.partition("-")[0], name, bytes(frame))
    for name, case in CASES.items()
    for frame in case.frames
]


def an_instrument(venue: Venue) -> Instrument:
    return Instrument("ETH", venue.quote_currencies[0])


def a_market(venue: Venue, *, number: int = 1) -> ToldMarket:
    """Return a market of one instrument, its book and its precision."""
    instrument = an_instrument(venue)
    book = a_book(venue.name, str(instrument), at_ns=AT, sequence=number)
    listing = Listing(
        instrument=instrument, symbol=venue.symbol(instrument), tick_size=1e-4, lot_size=1e-8
    )
    return ToldMarket([listing], [book])
