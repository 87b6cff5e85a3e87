"""What a venue is, with no I/O in it.

A `Venue` is a record of facts. Opening it gives a `Session`, the state of one connection: frames go
in, events come out, and what the venue must be sent or asked waits in the session's outbox. A new
connection gets a new session, so nothing survives a reconnect by accident.

Both ends of the wire are described: `Session` is ours, `ExchangeSide` and ``Venue.answer`` are the
venue's, which the simulator and the tests play.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from market import Book, Event, Instrument, Listing, Trade


class HttpRequest(msgspec.Struct, frozen=True):
    """A GET that whoever drives the venue makes on its behalf; ``path`` follows the REST URL.

    ``about`` is the session's own note on what it asked for, given back with the answer.
    """

    path: str
    about: tuple[str, Instrument] | None = None


Dialling: TypeAlias = Generator[HttpRequest, bytes, str]
"""Yields the requests needed before connecting, is sent their bodies, returns the URL."""

ListingRequests: TypeAlias = Generator[HttpRequest, bytes, list[Listing]]
"""Yields the requests that list the instruments, is sent their bodies, returns the listings."""


class Outbox:
    """Frames that wait to be sent by whoever owns the socket."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def post(self, frame: bytes) -> None:
        """Leave ``frame`` to be sent."""
        self._frames.append(frame)

    def outgoing(self) -> list[bytes]:
        """Take what waits, oldest first."""
        frames, self._frames = self._frames, []
        return frames


class Session(Outbox, ABC):
    """Our side of one connection, as a state machine over the instruments in ``listings``."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        super().__init__()
        self.listings = {listing.symbol: listing for listing in listings}
        self._requests: list[HttpRequest] = []
        self._last_number = 0

    @abstractmethod
    def opened(self) -> None:
        """Post what subscribes, ask for recent trades; called once, when the socket is up."""

    @abstractmethod
    def receive(self, frame: bytes, received_ns: int) -> Iterator[Event]:
        """Read one frame.

        Raises:
            FrameError: the frame is not of the documented shape; the session goes on.
            VenueRefusedError: the venue turned us down; the connection must be made anew.

        """

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Iterator[Event]:
        """Read the answer to a request of ours.

        Raises:
            FrameError: as `receive`.

        """
        del request, body, received_ns
        yield from ()

    def heartbeat(self) -> None:
        """Post a ping; called every ``Venue.heartbeat_s``. Most venues need none."""

    def ask(self, request: HttpRequest) -> None:
        """Leave ``request`` to be made."""
        self._requests.append(request)

    def requests(self) -> list[HttpRequest]:
        """Take the requests that wait, oldest first."""
        requests, self._requests = self._requests, []
        return requests

    def number(self, received_ns: int) -> int:
        """Make a sequence for an event that the venue does not number: it always rises."""
        self._last_number = max(self._last_number + 1, received_ns)
        return self._last_number


class Market(Protocol):
    """What a simulated venue knows, read by its side of the wire."""

    @property
    def listings(self) -> Sequence[Listing]:
        """Every instrument that the venue lists."""

    def book(self, instrument: Instrument) -> Book:
        """Return the whole book; ``sequence`` numbers it, one up with each change."""

    def trades(self, instrument: Instrument) -> Sequence[Trade]:
        """Return recent trades, oldest first; ``trade_id`` is a whole number, one up each."""


class ExchangeSide(Outbox, ABC):
    """The venue's side of one connection: takes subscriptions, tells events as native frames."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market

    def opened(self) -> None:
        """Post what the venue says unasked when a client connects."""

    @abstractmethod
    def receive(self, frame: bytes) -> None:
        """Read one frame of the client's and post the reply."""

    @abstractmethod
    def tell(self, event: Event) -> None:
        """Post ``event``, a quote, trade or whole book, as this venue would.

        Only what the client has subscribed to is posted. A book stands in ``market`` already.
        """

    def beat(self) -> None:
        """Post the venue's own heartbeat; called once a second."""


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a venue.

    ``answer`` plays its REST interface: a path with query in, the body out; LookupError for what
    it does not serve. Fees are the public ones of the lowest tier, per quote currency where the
    venue distinguishes; ``fee_source`` says where they were read. ``rest_interval_s`` is the time
    left between two requests, ``settle_s`` the time within which a subscription stands once the
    first frame came. ``symbol`` gives the venue's name for an instrument,
    ``quote_currencies`` those that its markets are commonly in. ``binary_frames``: it sends its
    JSON in binary frames.
    """

    name: str
    websocket_url: str
    rest_url: str
    taker_fee_bps: float
    taker_fee_bps_by_quote_currency: Mapping[str, float] = {}
    fee_source: str = ""
    dial: Callable[[Venue], Dialling]
    list_instruments: Callable[[], ListingRequests]
    session: type[Session]
    exchange_side: type[ExchangeSide]
    answer: Callable[[str, Market], bytes]
    heartbeat_s: float | None = None
    max_silence_s: float = 30.0
    rest_interval_s: float = 0.1
    settle_s: float = 1.0
    symbol: Callable[[Instrument], str] = str
    quote_currencies: tuple[str, ...] = ()
    binary_frames: bool = False

    def fee_bps(self, instrument: Instrument) -> float:
        """Return the taker fee for ``instrument``."""
        return self.taker_fee_bps_by_quote_currency.get(
            instrument.quote_currency, self.taker_fee_bps
        )

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is a simulated one."""
        return self.rest_url.startswith("http://127.")

    def at(self, websocket_url: str, rest_url: str) -> Venue:
        """Return the same venue at another address, such as the simulator's, with no pauses."""
        return msgspec.structs.replace(
            self,
            websocket_url=websocket_url,
            rest_url=rest_url,
            rest_interval_s=0.0,
            settle_s=0.05,
        )


def direct(venue: Venue) -> Dialling:
    """Dial the fixed URL, as most venues need."""
    yield from ()
    return venue.websocket_url
