"""How far a venue's clock is ahead of ours: what bounds it comes in, an interval goes out.

An event happened before it was received, so the venue's clock is ahead by at least event time less
time of receipt. The ``Date`` of an HTTP answer is cut to the second and was written between sending
the request and receiving the answer, so the clock is ahead by Date less receipt at least, and by
Date and a second less sending at most. The offset lies where all bounds of the last ten minutes
meet. Bounds widen with age, as clocks drift; where they do not meet, a clock was set anew.
"""

from __future__ import annotations

SECOND_NS = 1_000_000_000
BUCKET_NS = 30 * SECOND_NS
WINDOW_NS = 600 * SECOND_NS
DRIFT_PER = 10_000
"""Two clocks part by one nanosecond in so many at most: 100 ppm."""

WORTH_NS = 100_000
"""A bound that is better by less is not worth the time to take it."""

UNKNOWN = 2**80
"""Beyond every bound."""


class VenueClock:
    """Estimates the offset of one venue's clock; all calls come in the order of receipt.

    ``offset_ns`` is how far the venue's clock is ahead of ours, give or take ``error_ns``. While no
    HTTP answer told an upper bound ``error_ns`` is None, and ``offset_ns`` the least that is sure,
    or 0.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing any more: our own clock was set."""
        self.offset_ns = 0
        self.error_ns: int | None = None
        self._buckets: list[tuple[int, int, int]] = []
        self._bucket_end_ns = 0
        self._bucket_lower, self._bucket_upper = -UNKNOWN, UNKNOWN
        self._lower, self._upper = -UNKNOWN, UNKNOWN

    def event(self, event_ns: int, received_ns: int) -> None:
        """Take the time that the venue put on an event; one that is our own says nothing."""
        if received_ns >= self._bucket_end_ns:
            self._turn_to(received_ns)
        lower = event_ns - received_ns + received_ns // DRIFT_PER
        if lower > self._bucket_lower + WORTH_NS and event_ns != received_ns:
            self._take(lower, UNKNOWN, received_ns)

    def http_date(self, date_s: int, sent_ns: int, received_ns: int) -> None:
        """Take the ``Date`` of an HTTP answer, in seconds since the epoch."""
        if received_ns < sent_ns:
            return  # our clock was set in between
        if received_ns >= self._bucket_end_ns:
            self._turn_to(received_ns)
        date_ns = date_s * SECOND_NS
        lower = date_ns - received_ns + received_ns // DRIFT_PER
        upper = date_ns + SECOND_NS - sent_ns - sent_ns // DRIFT_PER
        self._take(lower, upper, received_ns)

    def age_ns(self, event_ns: int, now_ns: int) -> int:
        """Return how long before ``now_ns``, a time of ours, an event of the venue happened."""
        return now_ns + self.offset_ns - event_ns

    def latency_ns(self, event_ns: int, received_ns: int) -> int:
        """Return how long an event was on its way; it is below zero by the error at most."""
        return self.age_ns(event_ns, received_ns)

    def _turn_to(self, received_ns: int) -> None:
        """Begin a bucket of bounds, and let go of those that are too old."""
        self._buckets = [bucket for bucket in self._buckets if bucket[0] > received_ns - WINDOW_NS]
        self._bucket_end_ns = received_ns + BUCKET_NS
        self._bucket_lower, self._bucket_upper = -UNKNOWN, UNKNOWN
        self._buckets.append((self._bucket_end_ns, -UNKNOWN, UNKNOWN))
        self._estimate()

    def _take(self, lower: int, upper: int, received_ns: int) -> None:
        self._bucket_lower = max(self._bucket_lower, lower)
        self._bucket_upper = min(self._bucket_upper, upper)
        self._buckets[-1] = self._bucket_end_ns, self._bucket_lower, self._bucket_upper
        self._estimate()
        was_ours_set = received_ns < self._bucket_end_ns - 2 * BUCKET_NS
        if self._lower > self._upper or was_ours_set:  # only what came last is true
            self._buckets.clear()
            self._turn_to(received_ns)
            self._take(lower, upper, received_ns)

    def _estimate(self) -> None:
        widened_ns = self._bucket_end_ns // DRIFT_PER + 1
        self._lower = max(lower for _, lower, _ in self._buckets) - widened_ns
        self._upper = min(upper for _, _, upper in self._buckets) + widened_ns
        if self._upper > UNKNOWN // 2:
            self.offset_ns, self.error_ns = max(0, self._lower), None
        else:
            self.offset_ns = (self._lower + self._upper) // 2
            self.error_ns = (self._upper - self._lower + 1) // 2 + 1
