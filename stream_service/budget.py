"""The calls that a service allows us, spread over its day; which wish is granted next.

With ``left`` calls until the end of the UTC day, and ``b`` calls that may be made in advance, the
next one is due at the time ``t`` at which those since the b-th last keep the pace of the rest::

    t - b_th_last = b * (end_of_day - t) / left

Time is what the given clock says. When it goes back, no time has passed: what is remembered moves
back with it, and the day that is counted stays counted.
"""

from collections.abc import Iterable
from math import inf
from typing import Annotated

import msgspec

from market.intervals import INTERVALS, SECOND_NS
from stream_service.polled import Allowance, Wish
from stream_service.venue import HttpRequest

MINUTE_NS = INTERVALS["1m"]
DAY_NS = INTERVALS["1d"]


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known after a restart: all times in nanoseconds, ``day`` since the epoch.

    ``recent`` are the times of the last calls, oldest first; before ``held_ns`` the service wants
    to hear nothing of us.
    """

    day: int
    used: Annotated[int, msgspec.Meta(ge=0)]
    seen_ns: Annotated[int, msgspec.Meta(ge=0)]
    recent: tuple[int, ...] = ()
    held_ns: int = 0


class CallBudget:
    """Says when a call may be made, and counts those that are.

    Args:
        allowance: What the service allows.
        spent: What was spent before a restart. None: nobody knows, so until the day is over the
            pace is no faster than that of a whole day.

    """

    def __init__(self, allowance: Allowance, spent: Spent | None = None) -> None:
        self._allowance = allowance
        self._is_known = spent is not None
        self._spent = spent or Spent(day=-1, used=0, seen_ns=0)
        self._not_before_ns: dict[HttpRequest, int] = {}
        self._asked_ns: dict[HttpRequest, int] = {}

    @property
    def spent(self) -> Spent:
        """What is to be kept over a restart."""
        return self._spent

    def pick(self, wishes: Iterable[Wish], now_ns: int) -> Wish | None:
        """Return the wish to grant now; None: no call is allowed, or no wish is due.

        Of those that are due the one is picked that is the most overdue times important.
        """
        if self.wait_s(now_ns) > 0.0:
            return None
        overdue = [(self._overdue(wish, now_ns), wish) for wish in wishes]
        due = [(times * wish.importance, wish) for times, wish in overdue if times >= 1.0]
        if not due:
            return None
        return max(due, key=lambda one: (one[0], one[1].importance))[1]

    def wait_s(self, now_ns: int) -> float:
        """Return the seconds until a call may be made; 0.0: at once."""
        self._look_at(now_ns)
        return max(0, self._free_at_ns() - now_ns) / SECOND_NS

    def spend(self, request: HttpRequest, now_ns: int) -> None:
        """Count a call; to be called, and kept, before it is made, as failed ones count too."""
        self._look_at(now_ns)
        self._asked_ns[request] = now_ns
        remembered = max(self._allowance.a_minute or 1, self._allowance.burst)
        self._spent = msgspec.structs.replace(
            self._spent,
            used=self._spent.used + 1,
            recent=(*self._spent.recent, now_ns)[-remembered:],
        )

    def unanswered(self, wish: Wish, now_ns: int) -> None:
        """Let a call that brought no answer be due again, after those that are overdue."""
        self._look_at(now_ns)
        self._asked_ns[wish.request] = now_ns - int(wish.every_s * SECOND_NS)

    def hold(self, wait_s: float, now_ns: int) -> None:
        """Make no call at all for a while."""
        self._look_at(now_ns)
        held_ns = max(self._spent.held_ns, now_ns + int(wait_s * SECOND_NS))
        self._spent = msgspec.structs.replace(self._spent, held_ns=held_ns)

    def put_off(self, request: HttpRequest, wait_s: float, now_ns: int) -> None:
        """Do not make this one for a while."""
        self._look_at(now_ns)
        self._not_before_ns[request] = now_ns + int(wait_s * SECOND_NS)

    def _overdue(self, wish: Wish, now_ns: int) -> float:
        """Return how often the wish could have been granted since it last was."""
        if self._not_before_ns.get(wish.request, now_ns) > now_ns:
            return 0.0
        asked_ns = self._asked_ns.get(wish.request)
        if asked_ns is None:
            return inf
        return (now_ns - asked_ns) / (wish.every_s * SECOND_NS)

    def _free_at_ns(self) -> int:
        allowance, recent = self._allowance, self._spent.recent
        moments = [self._spent.held_ns]
        if recent:
            moments.append(recent[-1] + int(allowance.interval_s * SECOND_NS))
        if allowance.a_minute is not None and len(recent) >= allowance.a_minute:
            moments.append(recent[-allowance.a_minute] + MINUTE_NS)
        if allowance.a_day is not None:
            moments.append(self._day_allows_ns(allowance.a_day))
        return max(moments)

    def _day_allows_ns(self, a_day: int) -> int:
        burst, recent = self._allowance.burst, self._spent.recent
        end_ns = (self._spent.day + 1) * DAY_NS
        left = a_day - self._spent.used
        if left <= 0:
            return end_ns
        if len(recent) < burst:
            return 0
        even_ns = (recent[-burst] * left + burst * end_ns) // (left + burst)
        gentle_ns = 0 if self._is_known else recent[-burst] + burst * DAY_NS // a_day
        return max(even_ns, gentle_ns)

    def _look_at(self, now_ns: int) -> None:
        """Take notice of the time: the clock went back, or a new day begins."""
        if now_ns < self._spent.seen_ns:
            self._move_back(self._spent.seen_ns - now_ns)
        spent, today = self._spent, now_ns // DAY_NS
        is_new_day = today > spent.day
        if is_new_day and spent.day >= 0:
            self._is_known = True
        self._spent = msgspec.structs.replace(
            spent,
            day=max(today, spent.day),
            used=0 if is_new_day else spent.used,
            seen_ns=now_ns,
            held_ns=min(spent.held_ns, now_ns + DAY_NS),
        )

    def _move_back(self, back_ns: int) -> None:
        """Let no time have passed; the day that is counted is not to be begun a second time."""
        spent = self._spent
        self._spent = msgspec.structs.replace(
            spent,
            day=min(spent.day, (spent.seen_ns - back_ns) // DAY_NS + 1),
            recent=tuple(min(at_ns, spent.seen_ns) - back_ns for at_ns in spent.recent),
            held_ns=spent.held_ns - back_ns,
        )
        for times in (self._asked_ns, self._not_before_ns):
            times.update({request: at_ns - back_ns for request, at_ns in times.items()})
