"""What a price service that is polled is, with no I/O in it.

A `PolledVenue` is a record of facts. Its `Poller` wishes for requests over the instruments that are
followed and reads the answers; `stream_service.budget` picks the wish that is granted next.

Requests carry no key while they are inside: ``PolledVenue.sign`` puts it in when one is sent, so
that none is ever logged, recorded or kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import msgspec

from market import Event, Instrument
from stream_service.venue import HttpRequest, Market


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a poller would like to be made.

    Asked every ``every_s`` the answer is fresh enough. When calls are short, a wish of twice the
    ``importance`` is granted twice as often as another one of the same ``every_s``.
    """

    request: HttpRequest
    every_s: float
    importance: float = 1.0


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls a service takes: ``a_day`` (UTC) and ``a_minute``; None: any number.

    ``interval_s`` lies between two calls at least; ``burst`` of them may be made ahead of the even
    pace of the day.
    """

    a_day: int | None = None
    a_minute: int | None = None
    interval_s: float = 0.0
    burst: int = 1


class Poller(ABC):
    """What is asked of one service and what its answers mean, as a state machine.

    ``note`` tells people what is left out or was taken for what, and why; empty: nothing is.

    Args:
        wanted: Instruments to follow, all of which the service covers. None: frames are read that
            somebody else asked for, so whatever can be read is told.

    """

    def __init__(self, wanted: Sequence[Instrument] | None = None) -> None:
        self.wanted = None if wanted is None else tuple(wanted)
        self.note = ""
        self._last_number = 0

    @abstractmethod
    def wishes(self) -> Sequence[Wish]:
        """Return what should be asked from now on, over and over."""

    @abstractmethod
    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """Read the answer to a request.

        Raises:
            FrameError: the body is not of the documented shape.
            VenueBusyError: the service asks us to wait.
            VenueRefusedError: it answers this request with an error, and will again.

        """

    @abstractmethod
    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`."""

    def number(self, received_ns: int) -> int:
        """Make a sequence for an event; it always rises."""
        self._last_number = max(self._last_number + 1, received_ns)
        return self._last_number

    def wants(self, instrument: Instrument) -> bool:
        """Tell whether ``instrument`` is followed."""
        return self.wanted is None or instrument in self.wanted


class PolledVenue(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a price service that is polled.

    ``covers`` tells by their codes which instruments it can be asked for. ``sign`` puts the keys
    into a request. ``answer`` plays its REST interface, see `Venue`, as are ``credentials``,
    ``keys``, ``symbol``, ``quote_currencies`` and ``other_rest_urls``; with
    ``credentials_optional`` it also answers those who bring none. ``budget`` is what its free
    plan allows.
    """

    name: str
    rest_url: str
    poller: type[Poller]
    covers: Callable[[Instrument], bool]
    sign: Callable[[HttpRequest, Mapping[str, str]], HttpRequest]
    answer: Callable[[str, Market], bytes]
    budget: Allowance
    credentials: tuple[str, ...] = ()
    credentials_optional: bool = False
    keys: Mapping[str, str] = {}
    symbol: Callable[[Instrument], str] = str
    quote_currencies: tuple[str, ...] = ()
    other_rest_urls: Mapping[str, str] = {}

    @property
    def is_simulated(self) -> bool:
        """Whether it is a simulated one: a real service is never asked without encryption."""
        return self.rest_url.startswith("http://")

    @property
    def missing(self) -> tuple[str, ...]:
        """The credentials that it asks for and that are not there."""
        if self.credentials_optional:
            return ()
        return tuple(name for name in self.credentials if not self.keys.get(name))

    def at(self, rest_url: str) -> PolledVenue:
        """Return the same service at another address, such as the simulator's, with no limits."""
        return msgspec.structs.replace(
            self,
            rest_url=rest_url,
            other_rest_urls=dict.fromkeys(self.other_rest_urls, rest_url),
            keys=dict.fromkeys(self.credentials, "simulated"),
            budget=Allowance(),
        )
