"""What a venue is, with no I/O in it.

A `Venue` is a record of facts. Opening it gives a `Session`, the state of one connection: frames go
in, events come out, and what the venue must be sent or asked waits in the session's outbox. A new
connection gets a new session, so nothing survives a reconnect by accident.

Both ends of the wire are described: `Session` is ours, `ExchangeSide` and ``Venue.answer`` are the
venue's, which the simulator and the tests play.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, get_args

import msgspec

from market import Book, Event, Instrument, Listing, Summary, Trade, VenueCandle, Wallet

Channel: TypeAlias = Literal["trade", "quote", "book", "candle", "summary"]
CHANNELS: frozenset[Channel] = frozenset(get_args(Channel))


class HttpRequest(msgspec.Struct, frozen=True):
    """What whoever drives the venue asks on its behalf over REST.

    ``path`` follows the URL of ``host``, a key of ``Venue.other_rest_urls``; empty: the venue's
    ``rest_url``. ``about`` is the session's own note on what it asked for, given back with the
    answer: a word, and the instrument where it is about one.
    """

    path: str
    about: tuple[str, Instrument | None] | None = None
    method: Literal["GET", "POST"] = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    host: str = ""


Dialling: TypeAlias = Generator[HttpRequest, bytes, str]
"""Yields the requests needed before connecting, is sent their bodies, returns the URL."""

ListingRequests: TypeAlias = Generator[HttpRequest, bytes, list[Listing]]
"""Yields the requests that list the instruments, is sent their bodies, returns the listings."""


WalletRequests: TypeAlias = Generator[HttpRequest, bytes, list[Wallet]]
"""Likewise, for what moving coins in and out costs."""


class Outbox:
    """Frames that wait to be sent by whoever owns the socket."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def post(self, frame: bytes) -> None:
        """Leave ``frame`` to be sent."""
        self._frames.append(frame)

    @property
    def has_outgoing(self) -> bool:
        """Whether a frame waits."""
        return bool(self._frames)

    def outgoing(self) -> list[bytes]:
        """Take what waits, oldest first."""
        frames, self._frames = self._frames, []
        return frames


class Listings(dict[str, Listing]):
    """Listings by the symbol that the stream uses.

    Args:
        listings: Those that are known.
        guess: Makes up the listing of a symbol that is not, where frames are read that somebody
            else subscribed to. Without it such a symbol is a KeyError.

    """

    def __init__(
        self, listings: Sequence[Listing], guess: Callable[[str], Listing] | None = None
    ) -> None:
        super().__init__((listing.symbol, listing) for listing in listings)
        self._guess = guess

    def __missing__(self, symbol: str) -> Listing:
        """Make up a listing, or refuse.

        Raises:
            KeyError: nobody knows the symbol.

        """
        if self._guess is None:
            raise KeyError(symbol)
        listing = self[symbol] = self._guess(symbol)
        return listing


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is to follow of its instruments, and with whose keys.

    ``guess``: see `Listings`.
    """

    channels: frozenset[Channel] = CHANNELS
    keys: Mapping[str, str] = {}
    guess: Callable[[str], Listing] | None = None


NO_OPTIONS = Options()


class Session(Outbox, ABC):
    """Our side of one connection, as a state machine over the instruments in ``listings``.

    What a session keeps for an instrument it makes when it first meets the symbol in a frame.
    ``numbered`` is the last sequence that was made here, see `number`: what comes by the thousand
    is numbered where it is read, as the call would cost more than the number.
    ``renewal`` is empty until the venue asks us to leave: then it is its reason, and whoever owns
    the socket makes a new connection before it closes this one.
    """

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__()
        self.listings = Listings(listings, options.guess)
        self.options = options
        self.renewal = ""
        self.numbered = 0
        self._requests: list[HttpRequest] = []

    @abstractmethod
    def opened(self) -> None:
        """Post what subscribes, ask for what books start from; called once the socket is up."""

    @abstractmethod
    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read one frame.

        Raises:
            FrameError: the frame is not of the documented shape; the session goes on.
            VenueRefusedError: the venue turned us down; the connection must be made anew.

        """

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """Read the answer to a request of ours; trades and candles come oldest first.

        Raises:
            FrameError: as `receive`.

        """
        del request, body, received_ns
        return ()

    def number(self, received_ns: int) -> int:
        """Make a sequence, which always rises, for an event that the venue does not number."""
        last = self.numbered
        self.numbered = number = received_ns if received_ns > last else last + 1
        return number

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """Return what asks for past trades of ``instrument``, the newest page of them.

        Args:
            instrument: One of ours.
            after: Only what came after it is missed; a venue that pages forward starts here.
            before: Only what came before it is missed; a venue that pages backward starts here.

        Returns:
            None where the venue tells no trades older than those it told already.

        """
        del instrument, after, before
        return None

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """Return what asks for the candles of a time, one page of them.

        A time that holds ``Venue.candles_a_page`` of them or fewer comes whole, where the venue
        goes back so far.

        Args:
            instrument: One of ours.
            start_ns: The start of the first candle that is meant.
            end_ns: The first start that is meant no more; whether it comes too is the venue's.
            interval: Of `market.intervals`.

        Returns:
            None where the venue has no candles of that interval.

        """
        del instrument, start_ns, end_ns, interval
        return None

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """Tell which request a recorded body answers, by its shape; None: it is a frame.

        Args:
            body: A line of a recording.
            hint: Symbol or channel that the recording notes beside it, or nothing.

        """
        del body, hint
        return None

    def tick(self, now_ns: int) -> None:
        """Ask for what is due and cannot be streamed; called once a second."""

    def heartbeat(self) -> None:
        """Post a ping; called every ``Venue.heartbeat_s``. Most venues need none."""

    def ask(self, request: HttpRequest) -> None:
        """Leave ``request`` to be made."""
        self._requests.append(request)

    @property
    def has_requests(self) -> bool:
        """Whether a request waits."""
        return bool(self._requests)

    def requests(self) -> list[HttpRequest]:
        """Take the requests that wait, oldest first."""
        requests, self._requests = self._requests, []
        return requests


class Market(Protocol):
    """What a simulated venue knows, read by its side of the wire."""

    @property
    def listings(self) -> Sequence[Listing]:
        """Every instrument that the venue lists."""

    @property
    def websocket_url(self) -> str:
        """Where clients are to connect, for venues that tell them over REST."""

    def book(self, instrument: Instrument) -> Book:
        """Return the whole book; ``sequence`` numbers it, one up with each change."""

    def trades(self, instrument: Instrument) -> Sequence[Trade]:
        """Return recent trades, oldest first; ``trade_id`` is a whole number, one up each."""

    def candles(self, instrument: Instrument) -> Sequence[VenueCandle]:
        """Return recent one-minute candles, oldest first; minutes without a trade have none."""

    def summary(self, instrument: Instrument) -> Summary | None:
        """Return the last 24 hours; None: nothing was traded."""


class ExchangeSide(Outbox, ABC):
    """The venue's side of one connection: takes subscriptions, tells events as native frames.

    Clients find no more of a venue in it than what they subscribe to: quotes, trades, whole books,
    candles of the running minute, summaries of 24 hours.
    """

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
        """Post ``event``, a quote, trade, whole book, candle or summary, as this venue would.

        Only what the client has subscribed to is posted. A book stands in ``market`` already.
        """

    def beat(self) -> None:
        """Post the venue's own heartbeat; called once a second."""


def _one_group(_listing: Listing) -> str:
    """Let all listings share connections, as at most venues."""
    return ""


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a venue that is streamed.

    ``dial`` is told the listings that the connection is for. ``answer`` plays its REST interface: a
    path with query in, the body out; LookupError for what it does not serve. ``list_wallets`` is
    None where what moving coins costs is told to nobody, or to users only. ``credentials`` names
    what its users must bring, such as a key, and ``keys`` holds it by those names.

    ``symbol`` gives the venue's name for an instrument on the stream, ``instrument`` reads such a
    name by its shape alone (ValueError where it cannot), ``quote_currencies`` are those that its
    markets are commonly in. ``binary_frames``: it sends its JSON in binary frames.
    ``consecutive_trade_ids``: an instrument's trades are numbered one by one, so that a missing
    number is a missing trade. ``recalled_unit_ns``: what the times of past trades over REST are cut
    to, where they are coarser than those of the stream.

    Limits: ``instruments_at_most`` of one connection, ``connections_at_most`` of one group (see
    ``group``, which parts listings that cannot share a connection), ``send_interval_s`` between two
    of our frames, ``connect_interval_s`` between two connections, ``rest_interval_s`` between two
    requests. ``lifetime_s``: after so long the venue hangs up, so a new connection is made before.
    ``candles_a_page``: so many past candles one answer has at most.
    ``settle_s``: within so long a subscription stands once the first frame came.
    ``rest_behind_s``: within so long a trade is told over REST, too.
    """

    name: str
    websocket_url: str
    rest_url: str
    dial: Callable[[Venue, Sequence[Listing]], Dialling]
    list_instruments: Callable[[Venue], ListingRequests]
    list_wallets: Callable[[Venue], WalletRequests] | None = None
    session: type[Session]
    exchange_side: type[ExchangeSide]
    answer: Callable[[str, Market], bytes]
    heartbeat_s: float | None = None
    max_silence_s: float = 30.0
    rest_interval_s: float = 0.1
    settle_s: float = 1.0
    rest_behind_s: float = 5.0
    candles_a_page: int = 300
    symbol: Callable[[Instrument], str] = str
    instrument: Callable[[str], Instrument] = Instrument.parse
    quote_currencies: tuple[str, ...] = ()
    binary_frames: bool = False
    consecutive_trade_ids: bool = False
    recalled_unit_ns: int = 1
    credentials: tuple[str, ...] = ()
    keys: Mapping[str, str] = {}
    other_rest_urls: Mapping[str, str] = {}
    group: Callable[[Listing], str] = _one_group
    instruments_at_most: int = 200
    connections_at_most: int | None = None
    send_interval_s: float = 0.0
    connect_interval_s: float = 0.0
    lifetime_s: float | None = None

    @property
    def is_simulated(self) -> bool:
        """Whether it is a simulated one: a real venue is never asked without encryption."""
        return self.rest_url.startswith("http://")

    def at(self, websocket_url: str, rest_url: str) -> Venue:
        """Return the same venue at another address, such as the simulator's, with no pauses."""
        return msgspec.structs.replace(
            self,
            websocket_url=websocket_url,
            rest_url=rest_url,
            keys=dict.fromkeys(self.credentials, "simulated"),
            other_rest_urls=dict.fromkeys(self.other_rest_urls, rest_url),
            rest_interval_s=0.0,
            send_interval_s=0.0,
            connect_interval_s=0.0,
            settle_s=0.15,
            rest_behind_s=0.3,
        )


def direct(venue: Venue, listings: Sequence[Listing]) -> Dialling:
    """Dial the fixed URL, as most venues need."""
    del listings
    yield from ()
    return venue.websocket_url
