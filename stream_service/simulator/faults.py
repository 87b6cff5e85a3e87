"""What can go wrong at a simulated venue, when it is asked for.

hang-up          every connection is closed, as venues do once a day
silence          connections stay open and nothing is said
garbage          bytes that are no frame of any venue
lost-frame       the next change of a book never arrives
bad-checksum     the next book that carries a checksum carries a wrong one
duplicate-trade  the next trade is told twice
late-trade       the next trade is told seconds after younger ones
outlier          the next trade is told at a hundred times its price
clock-skew       the venue's clock is two seconds off, in events and in HTTP dates
refusal          nobody can connect, nor ask
rate-limit       every request is answered with 429 and Retry-After
slow-snapshot    every request is answered seconds late
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Literal, TypeAlias, get_args

from msgspec.structs import replace

from market import Book, Event, Trade

Fault: TypeAlias = Literal[
    "hang-up",
    "silence",
    "garbage",
    "lost-frame",
    "bad-checksum",
    "duplicate-trade",
    "late-trade",
    "outlier",
    "clock-skew",
    "refusal",
    "rate-limit",
    "slow-snapshot",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)

SKEW_NS = 2_000_000_000
LATE_S = 2.0
SLOW_S = 2.0
OUTLIER_FACTOR = 100.0
GARBAGE = (b"\xff\xfe\x00", b'{"data":[{"price":"NaN"}]', b"[[[[", b'"', b"null", b"\x00" * 64)


class Faults:
    """The faults that are on at one venue; those of one blow wait for what they hit."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[Fault, float] = {}
        self._waiting: dict[Fault, int] = defaultdict(int)
        self._late: deque[tuple[float, Trade]] = deque()
        self.caused = 0

    def last(self, fault: Fault, seconds: float) -> None:
        """Let a fault that lasts go on for so long from now."""
        self.caused += 1
        self._until[fault] = self._clock() + seconds

    def hit_next(self, fault: Fault) -> None:
        """Let a fault of one blow hit what comes next."""
        self.caused += 1
        self._waiting[fault] += 1

    def is_on(self, fault: Fault) -> bool:
        """Tell whether a fault that lasts is on."""
        return self._until.get(fault, 0.0) > self._clock()

    def hits(self, fault: Fault) -> bool:
        """Tell whether a fault of one blow hits now; it is used up by that."""
        if not self._waiting[fault]:
            return False
        self._waiting[fault] -= 1
        return True

    def told(self, event: Event) -> Iterator[Event]:
        """Yield what the venue tells in place of ``event``, after what is late and due."""
        yield from self.due()
        if not isinstance(event, Trade):
            yield event
        elif self.hits("late-trade"):
            self._late.append((self._clock() + LATE_S, event))
        elif self.hits("outlier"):
            yield replace(event, price=event.price * OUTLIER_FACTOR)
        else:
            yield event
            if self.hits("duplicate-trade"):
                yield event

    def due(self) -> Iterator[Trade]:
        """Yield the late trades whose time has come."""
        while self._late and self._late[0][0] <= self._clock():
            yield self._late.popleft()[1]

    def loses(self, event: Event) -> bool:
        """Tell whether the frame of this event never arrives."""
        return isinstance(event, Book) and self.hits("lost-frame")

    def spoilt(self, frame: bytes) -> bytes:
        """Return a frame with a wrong checksum, where it carries one and the fault waits."""
        head, mark, tail = frame.partition(b'"checksum":')
        if not mark or not self.hits("bad-checksum"):
            return frame
        digits = len(tail) - len(tail.lstrip(b"0123456789"))
        return head + mark + str((int(tail[:digits] or b"0") + 1) % 2**32).encode() + tail[digits:]


def garbage(random: Random) -> bytes:
    """Return bytes that no venue sends."""
    return random.choice((*GARBAGE, random.randbytes(random.randint(1, 200))))
