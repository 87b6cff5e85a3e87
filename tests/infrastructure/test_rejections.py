"""What a publisher makes of messages that the broker rejects."""

import pytest
from structlog.testing import capture_logs

from infrastructure.bus.amqp.lanes import Lane
from infrastructure.bus.amqp.rejections import PATIENCE_S, Rejections
from market import BusUnavailableError

BROKER = "localhost:5672"
ONE, OTHER = Lane(0), Lane(1)


def test_rejections_are_said_once_until_all_lanes_are_taken_again() -> None:
    rejections = Rejections()

    with capture_logs() as logs:
        rejections.note(ONE, 3, to=BROKER)
        rejections.note(OTHER, 2, to=BROKER)
        rejections.note(ONE, 3, to=BROKER)
        rejections.over(ONE)
        was_lasting = rejections.lasting
        rejections.over(OTHER)
        rejections.over(OTHER)

    assert was_lasting
    assert not rejections.lasting
    assert rejections.events == 8
    assert [each["event"] for each in logs] == ["bus.rejected", "bus.taken_again"]
    assert "rabbitmqctl list_queues name messages leader online" in logs[0]["why"]


def test_link_that_does_nothing_but_reject_is_left_and_the_next_is_given_twice_as_long() -> None:
    now = 100.0
    rejections = Rejections(clock=lambda: now)
    rejections.begin()
    rejections.note(ONE, 1, to=BROKER)

    now += PATIENCE_S + 1
    with pytest.raises(BusUnavailableError, match="a mailbox is full or its queue has no leader"):
        rejections.note(ONE, 1, to=BROKER)
    rejections.begin()
    now += 2 * PATIENCE_S - 1
    rejections.note(ONE, 1, to=BROKER)
    now += 2
    with pytest.raises(BusUnavailableError):
        rejections.note(ONE, 1, to=BROKER)


def test_link_that_takes_something_now_and_then_is_kept() -> None:
    now = 100.0
    rejections = Rejections(clock=lambda: now)

    for _ in range(5):
        rejections.note(ONE, 1, to=BROKER)
        now += PATIENCE_S - 1
        rejections.over(ONE)

    assert rejections.events == 5
