"""What a venue's status says of its clock: live trades bound it, beside the answers to requests."""

import pytest
from msgspec.structs import replace

from stream_service.pulse import Pulse
from stream_service.venue_clock import VenueClock
from tests.making import SECOND, a_trade

MS = SECOND // 1_000
START = 1_700_000_000 * SECOND


def heard(pulse: Pulse, event_ns: int, received_ns: int) -> None:
    """Let a live trade of that time be published."""
    pulse.told([replace(a_trade(at_ns=event_ns), received_ns=received_ns)])


def test_the_soonest_trade_of_a_second_bounds_the_clock_of_the_venue() -> None:
    clock = VenueClock()
    pulse = Pulse("kraken", clock)
    sent_ns = START + 900 * MS  # by the venue's clock, which is two seconds ahead, 2.9 s
    clock.http_date(START // SECOND + 2, sent_ns, sent_ns + 40 * MS)

    for delay_ms in (90, 30, 250):
        heard(pulse, START + 3 * SECOND, START + SECOND + delay_ms * MS)
    status = pulse.status(START + 2 * SECOND)

    assert status.clock_offset_ms == pytest.approx(2_000 + (100 - 30) / 2, abs=5)
    assert status.clock_error_ms == pytest.approx((100 + 30) / 2, abs=10)


def test_a_venue_ahead_of_us_is_noticed_by_its_trades_alone() -> None:
    clock = VenueClock()
    pulse = Pulse("kraken", clock)

    heard(pulse, START + 5 * SECOND, START + 10 * MS)
    pulse.status(START + SECOND)

    assert abs(clock.offset_ns - 5 * SECOND) < 20 * MS


def test_delays_by_a_clock_that_was_set_say_nothing() -> None:
    clock = VenueClock()
    pulse = Pulse("kraken", clock)
    heard(pulse, START + 5 * SECOND, START)

    pulse.clock_was_set()
    status = pulse.status(START + SECOND)

    assert (clock.offset_ns, clock.error_ns, status.latency_ms) == (0, None, None)
