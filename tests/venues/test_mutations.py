"""Whatever comes over a connection, its session says nothing untrue and lives on.

Longer, and with numbers of your own: ``python -m benchmarks.mutations --help``.
"""

import pytest

from tests.venues.cases import VENUES
from tests.venues.oracle.campaign import Life
from tests.venues.oracle.polling import PolledLife
from tests.venues.polled_cases import POLLED

NAMES = ["1:0", "2:1", "3:2"]
"""Names of lives; what happens in one follows from it."""

FAILED_ONCE = [
    ("binance", "1:0"),
    ("binance", "11:0"),
    ("bitstamp", "1:2"),
    ("bybit", "1:19"),
    ("bybit", "2:0"),
    ("coinbase", "1:10"),
    ("kraken", "1:2"),
    ("kraken", "1:3"),
    ("kraken", "3:11"),
    ("kucoin", "1:0"),
    ("okx", "1:0"),
    ("okx", "1:19"),
]
"""Lives that ended badly before something was put right."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("venue", VENUES)
def test_a_session_lives_through_damaged_frames(venue: str, name: str) -> None:
    counts = Life(VENUES[venue], name).run()

    assert counts["frames"] > 0


@pytest.mark.parametrize(("venue", "name"), FAILED_ONCE)
def test_what_once_failed_lives_on(venue: str, name: str) -> None:
    counts = Life(VENUES[venue], name).run()

    assert counts["frames"] > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("venue", POLLED)
def test_a_poller_lives_through_damaged_answers(venue: str, name: str) -> None:
    counts = PolledLife(venue, name).run()

    assert counts["frames"] > 0
