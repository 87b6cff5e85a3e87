from collections import Counter

import pytest

from market import ActorStatus, Event, Instrument
from market.routing import partition_of
from tests.making import a_quote, a_status, a_trade

PARTITIONS = 8


@pytest.mark.parametrize("count", [1, 2, 8])
def test_what_happens_to_one_instrument_is_in_one_partition_whatever_the_venue(count: int) -> None:
    told: list[Event] = [
        a_quote("binance", "ETH-USDT"),
        a_quote("kraken", "ETH-USDT"),
        a_trade("upbit", "ETH-USDT"),
    ]

    found = {partition_of(event, count) for event in told}

    assert len(found) == 1
    assert found <= set(range(count))


def test_instruments_are_spread_over_all_partitions() -> None:
    instruments = [Instrument(f"COIN{n}", "USDT") for n in range(800)]

    found = Counter(partition_of(a_quote(instrument=str(i)), PARTITIONS) for i in instruments)

    assert set(found) == set(range(PARTITIONS))
    assert max(found.values()) < 2 * min(found.values())


def test_how_a_whole_venue_does_is_for_all_partitions() -> None:
    whole = a_status("kraken")
    part = ActorStatus(
        event_ns=1, received_ns=1, sequence=1, actor="a", process="p", state="running"
    )

    assert partition_of(whole, PARTITIONS) is None
    assert partition_of(part, PARTITIONS) in range(PARTITIONS)
