"""When each instrument was heard comes in, those that fell silent come out.

How long a silence may be follows from the instrument's own longest ones: the limit is a multiple of
the longest interval of the last hour or so. The more intervals are known, the rarer is one that is
much longer than all of them, so the multiple falls from 4 for twenty intervals to 2 for thousands.
For arrivals at random (Poisson) this is 15 to 20 times the mean as a rule, and far less than one
false alarm in a day. Intervals that are tiny beside the longest one are not counted, so a burst
counts once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

from market import Instrument

Kind: TypeAlias = Literal["quote", "book", "trade"]

MS = 1_000_000
SECOND_NS = 1_000_000_000
TINY = 20
"""An interval that is so many times shorter than the longest one belongs to a burst."""

KNOWN_FROM = 20
"""Intervals from which on a rhythm is known, once it was followed for a minute; or fewer that are
short beside the time that it was followed."""

KNOWN_AFTER_NS = 60 * SECOND_NS
BLOCKS = 4
BLOCK_NS = 900 * SECOND_NS
BLOCK_INTERVALS = 128
"""A block of intervals ends when it holds so many and lasted so long; four blocks are known."""

LEARNED_OF_LIMIT = 0.6
"""Of a silence beyond the limit no more is learned: it is a fault, or the rhythm changes slowly."""


class Overdue(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument that fell silent; ``reason`` says so to people."""

    instrument: Instrument
    kind: Literal["quote", "trade"]
    silent_s: float
    limit_s: float
    reason: str


class StreamWatch:
    """Listens to the instruments of one venue; quotes and books are the life of a quote.

    Trades have a life of their own: their silence is told once, and troubles nobody.

    Args:
        first_frame_s: Within so long after the subscription something must be heard.
        floor_s: No silence is shorter than that.
        ceiling_s: What silence may last while the rhythm is not known yet; four times as long after
            each time that this was too short.

    """

    def __init__(
        self, *, first_frame_s: float = 15.0, floor_s: float = 5.0, ceiling_s: float = 600.0
    ) -> None:
        self._first_frame_ns = int(first_frame_s * SECOND_NS)
        self._floor_ns = int(floor_s * SECOND_NS)
        self._ceiling_ns = int(ceiling_s * SECOND_NS)
        self._quotes: dict[Instrument, _Rhythm] = {}
        self._trades: dict[Instrument, _Rhythm] = {}
        self._troubled: dict[Instrument, str] = {}
        self._is_paused = False

    @property
    def troubled(self) -> Mapping[Instrument, str]:
        """Reasons by instrument, of those whose quotes are silent."""
        return MappingProxyType(self._troubled)

    def expect(self, instruments: Iterable[Instrument], now_ns: int) -> None:
        """Listen to what was just subscribed; what is known of its rhythm stays known."""
        for instrument in instruments:
            for rhythms in (self._quotes, self._trades):
                rhythm = rhythms.setdefault(instrument, _Rhythm(self._floor_ns, self._ceiling_ns))
                rhythm.start(now_ns)

    def heard(self, instrument: Instrument, kind: Kind, now_ns: int) -> bool:
        """Note an event; True where the instrument was in trouble and is well again."""
        rhythm = (self._trades if kind == "trade" else self._quotes).get(instrument)
        if rhythm is None:
            return False
        if not 0 <= now_ns - rhythm.last_ns < MS or rhythm.is_awaited:
            rhythm.beat(now_ns)
        if self._troubled and kind != "trade":
            return self._troubled.pop(instrument, None) is not None
        return False

    def quiet_ns(self, instrument: Instrument, now_ns: int) -> int | None:
        """Return for how long no quote nor book came; None: none since it was subscribed."""
        rhythm = self._quotes.get(instrument)
        return None if rhythm is None or rhythm.is_awaited else now_ns - rhythm.last_ns

    def overdue(self, now_ns: int) -> list[Overdue]:
        """Return those that fell silent since this was asked last."""
        if self._is_paused:
            return []
        late = [
            overdue
            for instrument, rhythm in self._quotes.items()
            if not rhythm.is_overdue and (overdue := self._late_quote(instrument, rhythm, now_ns))
        ]
        self._troubled |= {overdue.instrument: overdue.reason for overdue in late}
        late += [
            overdue
            for instrument, rhythm in self._trades.items()
            if rhythm.is_known
            and not rhythm.is_overdue
            and (overdue := _late(instrument, "trade", rhythm, now_ns))
        ]
        return late

    def refused(self, instrument: Instrument) -> None:
        """Listen to ``instrument`` no longer: the venue refused it."""
        self.forget([instrument])

    def forget(self, instruments: Iterable[Instrument]) -> None:
        """Listen to them no longer; until they are expected again nothing is wrong with them."""
        for instrument in instruments:
            self._troubled.pop(instrument, None)
            for rhythms in (self._quotes, self._trades):
                if instrument in rhythms:
                    rhythms[instrument].stop()

    def paused(self) -> None:
        """Let no time count until `resumed`, while nobody listens to the venue."""
        self._is_paused = True

    def resumed(self, now_ns: int) -> None:
        """Let time count again; every silence starts now."""
        self._is_paused = False
        for rhythm in (*self._quotes.values(), *self._trades.values()):
            rhythm.skip_to(now_ns)

    def _late_quote(self, instrument: Instrument, rhythm: _Rhythm, now_ns: int) -> Overdue | None:
        if not rhythm.is_awaited:
            return _late(instrument, "quote", rhythm, now_ns)
        silent_ns, limit_ns = now_ns - rhythm.last_ns, self._first_frame_ns
        if silent_ns <= limit_ns:
            return None
        rhythm.is_overdue = True
        return Overdue(
            instrument=instrument,
            kind="quote",
            silent_s=silent_ns / SECOND_NS,
            limit_s=limit_ns / SECOND_NS,
            reason=f"subscribed, no first frame in {limit_ns / SECOND_NS:.3g} s",
        )


class _Rhythm:
    """The intervals between the events of one stream.

    ``last_ns`` is when it was heard last, or when waiting began; ``is_awaited`` until the first
    event after that. ``_size`` counts all intervals of the block, ``_count`` those not tiny.
    """

    __slots__ = (
        "_blocks",
        "_ceiling_ns",
        "_count",
        "_floor_ns",
        "_followed_ns",
        "_longest_here_ns",
        "_longest_ns",
        "_mean_ns",
        "_size",
        "_started_ns",
        "is_awaited",
        "is_followed",
        "is_overdue",
        "last_ns",
    )

    def __init__(self, floor_ns: int, ceiling_ns: int) -> None:
        self._floor_ns = floor_ns
        self._ceiling_ns = ceiling_ns
        self.last_ns = 0
        self.is_followed = False
        self.is_awaited = False
        self.is_overdue = False
        self._mean_ns = 0.0  # of the last block
        self._followed_ns = 0  # in the blocks before this one
        self._blocks: deque[tuple[int, int]] = deque(maxlen=BLOCKS - 1)  # count and longest
        self._longest_ns = 0  # of all blocks
        self._started_ns = 0  # of this block
        self._size = 0
        self._count = 0
        self._longest_here_ns = 0

    @property
    def is_known(self) -> bool:
        followed_ns = self._followed_ns + self.last_ns - self._started_ns
        return followed_ns >= KNOWN_AFTER_NS and (
            self._known_count() >= KNOWN_FROM or followed_ns >= TINY * self._longest_ns
        )

    def start(self, now_ns: int) -> None:
        self.skip_to(now_ns)
        self.is_followed = self.is_awaited = True
        self.is_overdue = False

    def stop(self) -> None:
        self.is_followed = self.is_awaited = self.is_overdue = False

    def skip_to(self, now_ns: int) -> None:
        self._started_ns += now_ns - self.last_ns
        self.last_ns = now_ns

    def beat(self, now_ns: int) -> None:
        interval_ns = now_ns - self.last_ns
        if self.is_awaited or self.is_overdue or interval_ns < 0:
            interval_ns = self._be_found(interval_ns)
            self._started_ns = now_ns - interval_ns - (self.last_ns - self._started_ns)
        self.last_ns = now_ns
        self._size += 1
        if interval_ns * TINY >= self._longest_ns:
            self._count += 1
            if interval_ns > self._longest_here_ns:
                self._lengthen(interval_ns)
        if now_ns - self._started_ns >= BLOCK_NS and (
            self._count >= BLOCK_INTERVALS or self._size >= TINY * BLOCK_INTERVALS
        ):
            self._end_block()

    def limit_ns(self) -> int:
        if not self.is_known:
            return self._ceiling_ns
        multiple = 1.75 + 9.0 / max(1, self._known_count()) ** 0.45
        return max(self._floor_ns, int(multiple * self._longest_ns))

    def often(self) -> str:
        mean_ns = self._mean_ns or (self.last_ns - self._started_ns) / max(1, self._size)
        return f"one comes every {mean_ns / SECOND_NS:.2g} s"

    def _known_count(self) -> int:
        return self._count + sum(count for count, _ in self._blocks)

    def _lengthen(self, interval_ns: int) -> None:
        if self._longest_ns and interval_ns > TINY * self._longest_ns:
            self._blocks.clear()  # all before were within one burst
            self._count = 1
        self._longest_here_ns = interval_ns
        self._longest_ns = max(self._longest_ns, interval_ns)

    def _end_block(self) -> None:
        lasted_ns = self.last_ns - self._started_ns
        self._mean_ns = lasted_ns / self._size
        self._followed_ns += lasted_ns
        self._longest_ns = max([self._longest_here_ns, *(longest for _, longest in self._blocks)])
        self._blocks.append((self._count, self._longest_here_ns))
        self._started_ns = self.last_ns
        self._size = self._count = self._longest_here_ns = 0

    def _be_found(self, interval_ns: int) -> int:
        """Return what is learned of an interval that is no usual one."""
        was_awaited, self.is_awaited = self.is_awaited, False
        was_overdue, self.is_overdue = self.is_overdue, False
        if was_awaited or interval_ns < 0:
            return 0
        if was_overdue and not self.is_known:
            self._ceiling_ns *= 4
        return min(interval_ns, int(LEARNED_OF_LIMIT * self.limit_ns()))


def _late(
    instrument: Instrument, kind: Literal["quote", "trade"], rhythm: _Rhythm, now_ns: int
) -> Overdue | None:
    silent_ns, limit_ns = now_ns - rhythm.last_ns, rhythm.limit_ns()
    if not rhythm.is_followed or silent_ns <= limit_ns:
        return None
    rhythm.is_overdue = True
    usual = f" where {rhythm.often()}" if rhythm.is_known else ""
    return Overdue(
        instrument=instrument,
        kind=kind,
        silent_s=silent_ns / SECOND_NS,
        limit_s=limit_ns / SECOND_NS,
        reason=f"no {kind} for {silent_ns / SECOND_NS:.1f} s{usual}",
    )
