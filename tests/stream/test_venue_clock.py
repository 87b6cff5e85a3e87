"""The true offset of a venue's clock lies where the estimate says, give or take its error."""

from hypothesis import given
from hypothesis import strategies as st

from stream_service.venue_clock import VenueClock
from tests.making import SECOND

MS = SECOND // 1_000
START = 1_700_000_000 * SECOND

delays_ms = st.floats(0.1, 3_000)
steps = st.lists(
    st.tuples(st.floats(0.01, 200), delays_ms, delays_ms, st.sampled_from(["date", "event"])),
    min_size=1,
    max_size=60,
)


def ask(clock: VenueClock, sent_ns: int, offset_ns: int, there_ns: int, back_ns: int) -> None:
    date_s = (sent_ns + there_ns + offset_ns) // SECOND
    clock.http_date(date_s, sent_ns, sent_ns + there_ns + back_ns)


def test_nothing_is_known_at_first() -> None:
    clock = VenueClock()

    assert (clock.offset_ns, clock.error_ns) == (0, None)
    assert clock.age_ns(START, START + 5) == 5


def test_a_date_alone_tells_the_offset_within_a_second() -> None:
    clock = VenueClock()

    ask(clock, START + SECOND // 2, 3 * SECOND, 20 * MS, 20 * MS)

    assert clock.error_ns is not None
    assert abs(clock.offset_ns - 3 * SECOND) <= clock.error_ns < 0.53 * SECOND


def test_many_dates_and_events_tell_it_far_better() -> None:
    clock = VenueClock()
    for number in range(40):
        now = START + number * 1_037 * MS
        ask(clock, now, -2 * SECOND, 20 * MS, 20 * MS)
        clock.event(now - 2 * SECOND, now + 15 * MS)

    assert clock.error_ns is not None
    assert abs(clock.offset_ns + 2 * SECOND) <= clock.error_ns < 60 * MS


def test_a_venue_ahead_of_us_is_noticed_by_its_events_alone() -> None:
    clock = VenueClock()

    clock.event(START + 5 * SECOND, START + 10 * MS)

    assert clock.error_ns is None
    assert abs(clock.offset_ns - 5 * SECOND) < 20 * MS


def test_a_time_that_is_our_own_says_nothing() -> None:
    clock = VenueClock()
    ask(clock, START, -60 * SECOND, 20 * MS, 20 * MS)

    clock.event(START, START)

    assert abs(clock.offset_ns + 60 * SECOND) <= SECOND


def test_latency_is_told_by_one_clock() -> None:
    clock = VenueClock()
    for number in range(40):
        ask(clock, START + number * 1_037 * MS, 7 * SECOND, MS, MS)

    latency_ns = clock.latency_ns(START + 7 * SECOND, START + 80 * MS)

    assert abs(latency_ns - 80 * MS) < 40 * MS


@given(offset_s=st.floats(-1e4, 1e4), drift_ppm=st.floats(-99, 99), steps=steps)
def test_the_true_offset_is_never_outside(
    offset_s: float, drift_ppm: float, steps: list[tuple[float, float, float, str]]
) -> None:
    clock, now = VenueClock(), START

    for wait_s, there_ms, back_ms, kind in steps:
        now += int(wait_s * SECOND)
        there_ns, back_ns = int(there_ms * MS), int(back_ms * MS)
        offset_ns = int(offset_s * SECOND + drift_ppm * 1e-6 * (now + there_ns - START))
        if kind == "date":
            ask(clock, now, offset_ns, there_ns, back_ns)
        else:
            clock.event(now + there_ns + offset_ns, now + there_ns + back_ns)
        now += there_ns + back_ns
        true_ns = offset_s * SECOND + drift_ppm * 1e-6 * (now - START)
        if clock.error_ns is not None:
            assert abs(clock.offset_ns - true_ns) <= clock.error_ns + 1_000  # rounding of floats


@given(step_s=st.floats(5, 1e4), is_ahead=st.booleans(), there_ms=delays_ms, is_ours=st.booleans())
def test_after_a_clock_was_set_the_next_date_is_believed(
    step_s: float, there_ms: float, *, is_ahead: bool, is_ours: bool
) -> None:
    clock, now = VenueClock(), START
    for _ in range(20):
        now += 5 * SECOND
        ask(clock, now, 0, 20 * MS, 20 * MS)
        clock.event(now, now + 20 * MS)

    step_ns = int(step_s * SECOND) * (1 if is_ahead else -1)
    if is_ours:
        now -= step_ns
    now += SECOND
    ask(clock, now, step_ns, int(there_ms * MS), 20 * MS)

    assert clock.error_ns is not None
    assert abs(clock.offset_ns - step_ns) <= clock.error_ns
