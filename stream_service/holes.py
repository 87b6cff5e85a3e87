"""Holes in the trades of an instrument: a page of past trades comes in, what stays open goes out.

A page is a run of trades as the venue lists them, with none left out between its oldest and its
newest. Where trades are numbered one by one the numbers prove what is missing. Elsewhere a page
proves itself by overlap: it reaches back when it holds the last trade before the hole or an older
one, and forward when it holds the first after the hole or a newer one.

Some venues cut the times of past trades, to whole seconds say. Such a trade happened at its time or
up to a unit later, and only what is surely older or newer proves anything. Nor does a time prove
much where a venue's clock is set: so a page is taken in the order of the venue, a trade of ours in
it says where the hole begins and ends, and a time alone does so only by a margin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import msgspec

from market import Instrument, Trade

MINUTE_NS = 60_000_000_000

Ends: TypeAlias = tuple[Trade, Trade | None]
"""The last trade before a hole, and the first after it."""


def latest_ns(trade: Trade, unit_ns: int) -> int:
    """Return when ``trade`` happened at the latest, where past trades have times cut to a unit."""
    return trade.event_ns + unit_ns - 1 if trade.backfilled else trade.event_ns


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """A time from which trades of an instrument may be missing.

    ``after`` is the last trade before it, ``before`` the first live one after it; None while none
    came. ``heard`` is the last of those that were known when it was opened, where ``after`` is an
    older one because some may have been late. ``opened_ns`` and ``since_ns`` are when it was first
    and last suspected, by our clock. ``ask_before`` is where the next page is to end, None: at the
    newest trade. ``tries`` counts the pages that brought nothing. ``is_merged``: some trades within
    are known.
    """

    number: int
    after: Trade
    before: Trade | None
    reason: str
    opened_ns: int
    since_ns: int
    heard: Trade | None = None
    ask_before: Trade | None = None
    tries: int = 0
    is_merged: bool = False

    def covers(self, trade: Trade, *, by_number: bool, unit_ns: int = 1) -> bool:
        """Tell whether ``trade`` may be one that is missing; ``unit_ns`` as in `latest_ns`."""
        if by_number:
            return self.after.sequence < trade.sequence and (
                self.before is None or trade.sequence < self.before.sequence
            )
        return self.after.event_ns <= latest_ns(trade, unit_ns) and (
            self.before is None or trade.event_ns <= latest_ns(self.before, unit_ns)
        )


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be asked of a venue: see `Session.recall`.

    A page that was asked for with ``before`` must end right before it, or overlap it: a venue that
    pages by time must be asked for the time of ``before`` too. ``number`` and ``since_ns`` say
    which hole it is for, and which suspicion; ``opened_ns`` is when it was first suspected.
    ``is_open``: no live trade showed yet that the stream runs again, so that only a page of long
    after the suspicion can prove that nothing is missing.
    """

    instrument: Instrument
    after: Trade
    before: Trade | None
    number: int
    since_ns: int
    opened_ns: int = 0
    is_open: bool = False


class Page:
    """An answer to ``recall`` held against ``hole``.

    Args:
        hole: As it is now, which may be narrower than when the page was asked for.
        recall: What was asked.
        trades: What came, oldest first as the venue orders them.
        is_known: Tells whether a trade was seen before the page came.
        unit_ns: What the times of past trades are cut to.
        margin_ns: A time proves that a trade is older or newer only by more than so much.
        is_steady: The venue told no trade late yet.

    """

    def __init__(  # noqa: PLR0913  # one answer, and what it is read by
        self,
        hole: Hole,
        recall: Recall,
        trades: Sequence[Trade],
        is_known: Callable[[Trade], bool],
        *,
        unit_ns: int = 1,
        margin_ns: int = 0,
        is_steady: bool = False,
    ) -> None:
        self._hole = hole
        self._unit_ns = unit_ns
        self._margin_ns = margin_ns
        self._is_steady = is_steady
        self._trades = trades
        self._ids = {trade.trade_id for trade in trades}
        self._is_known = is_known
        self._asks_newest = recall.before is None
        self._asks_this_end = (
            recall.before is not None
            and hole.before is not None
            and recall.before.trade_id == hole.before.trade_id
        )
        self._is_of_this_suspicion = recall.since_ns == hole.since_ns
        asked = None if hole.ask_before is None else hole.ask_before.trade_id
        self.is_current = self._is_of_this_suspicion and asked == (
            None if recall.before is None else recall.before.trade_id
        )

    @property
    def is_beyond(self) -> bool:
        """Whether all of it is newer than the hole, so that an older page must be asked for."""
        before = self._hole.before
        return bool(
            before is not None
            and self._trades
            and before.trade_id not in self._ids
            and self._trades[0].event_ns > latest_ns(before, self._unit_ns)
        )

    def left_by_number(self) -> list[Ends]:
        """Return what stays open where trades are numbered one by one."""
        after, before = self._hole.after, self._hole.before
        inside = sorted(
            (trade for trade in self._trades if self._hole.covers(trade, by_number=True)),
            key=lambda trade: trade.sequence,
        )
        chain = [after, *inside, *([before] if before else [])]
        left: list[Ends] = [
            (older, newer)
            for older, newer in pairwise(chain)
            if newer.sequence > older.sequence + 1
        ]
        if before is None:
            oldest = min((trade.sequence for trade in self._trades), default=after.sequence + 2)
            newest = max((trade.sequence for trade in self._trades), default=0)
            reaches = oldest <= after.sequence + 1 and after.sequence <= newest
            if not (reaches and self._ends_now(has_more=bool(inside))):
                left.append((chain[-1], None))
        return left

    def left_by_overlap(self) -> list[Ends]:
        """Return what stays open where only known trades prove that a page reaches them."""
        after, before, trades = self._hole.after, self._hole.before, self._trades
        if not trades:
            return [(after, before)]
        inside = [trade for trade in self._between() if self._is_inside(trade)]
        reaches_back, reaches_on = self._reaches_back(), self._reaches_on(inside)
        if not inside and not (reaches_back and reaches_on):
            return [(after, before)]
        left: list[Ends] = [] if reaches_back else [(after, inside[0])]
        return left if reaches_on else [*left, (inside[-1], before)]

    def _between(self) -> Sequence[Trade]:
        """Return what the page lists between the ends of the hole, as far as it holds them."""
        places = {trade.trade_id: at for at, trade in enumerate(self._trades)}
        before = self._hole.before
        start = places.get(self._hole.after.trade_id, -1) + 1
        end = places.get(before.trade_id, len(places)) if before else len(self._trades)
        return self._trades[start:end]

    def _reaches_back(self) -> bool:
        """Tell whether no trade of the hole can be older than the page."""
        after, heard = self._hole.after, self._hole.heard or self._hole.after
        last_ns = max(after.event_ns, heard.event_ns)
        is_older = latest_ns(self._trades[0], self._unit_ns) < last_ns - self._margin_ns
        reaches_heard = self._is_steady and self._holds_heard()
        return after.trade_id in self._ids or is_older or reaches_heard

    def _reaches_on(self, inside: Sequence[Trade]) -> bool:
        """Tell whether nothing can be missing between the page and the end of the hole."""
        after, before, newest = self._hole.after, self._hole.before, self._trades[-1]
        if before is None:
            is_stale = after.trade_id not in self._ids and newest.event_ns < after.event_ns
            has_more = any(not self._is_known(trade) for trade in inside) or (
                bool(inside) and not self._holds_heard()
            )
            return self._reaches_back() and not is_stale and self._ends_now(has_more=has_more)
        before_ns = latest_ns(before, self._unit_ns)
        return (
            before.trade_id in self._ids
            or newest.event_ns > before_ns + self._margin_ns
            or (self._asks_this_end and self._trades[0].event_ns <= before_ns)
        )

    def _holds_heard(self) -> bool:
        """Tell whether the last trade that was known when the hole was opened is in the page."""
        heard = self._hole.heard
        return heard is not None and heard.trade_id in self._ids

    def _is_inside(self, trade: Trade) -> bool:
        """Tell whether it lies in the hole; where it may be at an end, only if it is new."""
        after, before, unit_ns = self._hole.after, self._hole.before, self._unit_ns
        is_newer = after.trade_id in self._ids or after.event_ns <= latest_ns(trade, unit_ns)
        is_older = (
            before is None
            or before.trade_id in self._ids
            or trade.event_ns <= latest_ns(before, unit_ns)
        )
        is_at_end = trade.event_ns <= latest_ns(after, unit_ns) or (
            before is not None and before.event_ns <= latest_ns(trade, unit_ns)
        )
        return is_newer and is_older and not (is_at_end and self._is_known(trade))

    def _ends_now(self, *, has_more: bool) -> bool:
        """Tell whether nothing can be missing after the page, which reaches ``after``.

        A page with more in it may have been cut there, unless it starts long before what was asked
        for: then it is the venue's newest.
        """
        is_newest = self._trades[0].event_ns < self._hole.after.event_ns - MINUTE_NS
        return self._asks_newest and self._is_of_this_suspicion and (is_newest or not has_more)
