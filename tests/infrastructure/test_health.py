"""Which states of parts are faults: those that somebody has to do something about."""

import pytest

from infrastructure.health import STANDS_BY, faults
from market import ActorStatus
from market.events import ActorState
from tests.making import an_actor_status


def a_part(actor: str, state: ActorState = "running", reason: str = "") -> ActorStatus:
    """Make how a part of some process does."""
    return an_actor_status(state, reason, actor=actor)


def test_who_runs_or_stands_by_is_no_fault() -> None:
    assert faults([a_part("a"), a_part("b", "waiting", f"{STANDS_BY}others do it")]) == []


@pytest.mark.parametrize("state", ["gave_up", "stopped", "lost"])
def test_a_part_that_ended_is_a_fault_unless_another_has_its_name(state: ActorState) -> None:
    ended = a_part("storage.writer", state)

    assert len(faults([ended])) == 1
    assert faults([ended, a_part("storage.writer")]) == []


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("storage.writer", "storage.writer.of-4"),
        ("storage.writer.of-4", "storage.writer.of-2"),
        ("refresher.candles.of-4", "refresher.candles"),
        ("stream.kraken", "stream.kraken.1-of-2"),
        ("stream.kraken.3-of-4", "stream.kraken.1-of-2"),
    ],
)
def test_parts_that_were_stopped_for_another_number_of_them_are_no_fault(
    before: str, now: str
) -> None:
    assert faults([a_part(before, "stopped"), a_part(now)]) == []


@pytest.mark.parametrize(
    ("ended", "other"),
    [
        (a_part("stream.kraken.3-of-4", "stopped"), "stream.kraken.1-of-4"),
        (a_part("stream.kraken.1-of-2", "stopped"), "stream.binance"),
        (a_part("storage.writer.of-4", "lost"), "storage.writer"),
    ],
)
def test_a_part_that_nobody_stands_in_for_is_a_fault(ended: ActorStatus, other: str) -> None:
    assert len(faults([ended, a_part(other)])) == 1
