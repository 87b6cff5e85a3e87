"""Silence is told when it is long for the instrument, and not before."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from market import Instrument
from stream_service.rhythm import Overdue, StreamWatch
from tests.making import SECOND

BTC = Instrument("BTC", "USDT")
ETH = Instrument("ETH", "USDT")
DAY_S = 86_400.0


def watching(*instruments: Instrument) -> StreamWatch:
    watch = StreamWatch()
    watch.expect(instruments or (BTC,), 0)
    return watch


def beat(watch: StreamWatch, *, every_s: float, until_s: float, since_s: float = 0.0) -> None:
    for number in range(1, int((until_s - since_s) / every_s) + 1):
        watch.heard(BTC, "quote", int((since_s + number * every_s) * SECOND))


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # chance, not secrets


def at_random(random: Random, mean_s: float) -> Iterator[float]:
    while True:
        yield random.expovariate(1 / mean_s)


def in_bursts(random: Random, mean_s: float) -> Iterator[float]:
    """Ten events within moments, then nothing for ten times as long."""
    while True:
        yield random.expovariate(1 / (10 * mean_s))
        for _ in range(9):
            yield random.expovariate(100 / mean_s)


def live(
    watch: StreamWatch, intervals: Iterator[float], *, until_s: float
) -> tuple[list[Overdue], float]:
    """Let events come and look every second; return the alarms and the time of the last event."""
    now_s = last_s = 0.5
    alarms: list[Overdue] = []
    watch.heard(BTC, "quote", int(now_s * SECOND))
    for interval_s in intervals:
        if interval_s > 1.0:
            alarms += watch.overdue(int(now_s + interval_s) * SECOND)
        now_s += interval_s
        if now_s > until_s:
            break
        watch.heard(BTC, "quote", int(now_s * SECOND))
        last_s = now_s
    return alarms, last_s


def test_an_instrument_of_which_nothing_comes_is_told_after_fifteen_seconds() -> None:
    watch = watching(BTC, ETH)
    watch.heard(ETH, "book", SECOND)

    early, (late,) = watch.overdue(15 * SECOND), watch.overdue(16 * SECOND)

    assert early == []
    assert (late.instrument, late.reason) == (BTC, "subscribed, no first frame in 15 s")
    assert watch.troubled == {BTC: late.reason}
    assert watch.overdue(17 * SECOND) == []


def test_a_silent_instrument_is_told_with_its_rhythm_and_is_well_with_the_next_event() -> None:
    watch = watching()
    beat(watch, every_s=0.2, until_s=120.0)

    (silence,) = watch.overdue(int(132.3 * SECOND))
    is_well_again = watch.heard(BTC, "quote", 133 * SECOND)

    assert silence.reason == "no quote for 12.3 s where one comes every 0.2 s"
    assert silence.limit_s == 5.0
    assert is_well_again
    assert not watch.heard(BTC, "quote", 134 * SECOND)
    assert watch.troubled == {}


def test_trades_do_not_keep_a_quote_alive() -> None:
    watch = watching()
    beat(watch, every_s=0.2, until_s=120.0)
    for second in range(60, 200):
        assert not watch.heard(BTC, "trade", second * SECOND)

    (silence,) = watch.overdue(200 * SECOND)

    assert silence.kind == "quote"


def test_silent_trades_are_told_and_trouble_nobody() -> None:
    watch = watching()
    for second in range(1, 121):
        watch.heard(BTC, "trade", second * SECOND)
    beat(watch, every_s=0.5, until_s=300.0)

    (silence,) = watch.overdue(300 * SECOND)

    assert silence.kind == "trade"
    assert watch.troubled == {}
    assert not watch.heard(BTC, "trade", 301 * SECOND)


@pytest.mark.parametrize("process", [at_random, in_bursts])
@pytest.mark.parametrize("mean_s", [1.0, 4.0, 20.0])
def test_there_is_at_most_one_false_alarm_a_day(
    process: Callable[[Random, float], Iterator[float]], mean_s: float
) -> None:
    for seed in range(3):
        alarms, _ = live(watching(), process(seeded(seed), mean_s), until_s=DAY_S)

        assert len(alarms) <= 1, (seed, alarms)


@pytest.mark.parametrize("mean_s", [0.05, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_stop_is_found_within_25_times_the_mean(mean_s: float, seed: int) -> None:
    watch = watching()
    _, last_s = live(watch, at_random(seeded(seed), mean_s), until_s=1_000 * mean_s + 120)

    overdue = watch.overdue(int((last_s + max(5.1, 25 * mean_s)) * SECOND))

    assert len(overdue) == 1


def test_several_events_of_a_moment_count_once() -> None:
    watch = watching()
    for second in range(0, 600, 10):
        for number in range(50):
            watch.heard(BTC, "quote", second * SECOND + number * 10_000)

    assert watch.overdue(615 * SECOND) == []


def test_a_hiccup_of_a_fast_stream_is_forgotten_after_hours() -> None:
    watch = watching()
    beat(watch, every_s=0.1, until_s=100.0)
    beat(watch, every_s=0.1, since_s=104.0, until_s=104.0 + 2 * 3_600)

    (silence,) = watch.overdue((104 + 7_200 + 6) * SECOND)

    assert silence.limit_s == 5.0


def test_time_does_not_count_while_paused() -> None:
    watch = watching()
    beat(watch, every_s=0.2, until_s=120.0)
    watch.paused()

    during = watch.overdue(200 * SECOND)
    watch.resumed(200 * SECOND)
    after = watch.overdue(204 * SECOND)

    assert (during, after) == ([], [])
    assert len(watch.overdue(206 * SECOND)) == 1


def test_a_refused_instrument_is_not_waited_for() -> None:
    watch = watching(BTC, ETH)

    watch.refused(BTC)

    assert [silence.instrument for silence in watch.overdue(20 * SECOND)] == [ETH]


def test_an_instrument_that_is_subscribed_again_is_awaited_anew() -> None:
    watch = watching()
    beat(watch, every_s=0.2, until_s=120.0)
    watch.forget([BTC])
    assert watch.overdue(500 * SECOND) == []

    watch.expect([BTC], 500 * SECOND)

    assert watch.overdue(510 * SECOND) == []
    assert [silence.limit_s for silence in watch.overdue(516 * SECOND)] == [15.0]
