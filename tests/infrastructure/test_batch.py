"""What a message holds of some events, and what is left for the next."""

import string
from itertools import product

from msgspec.structs import replace

from infrastructure.bus.amqp.batch import LARGEST_BODY, batch_of, likely_fitting
from market import Event, codec
from market.codec import JSON, MSGPACK
from tests.making import a_quote, a_status, a_trade


def test_all_events_go_into_one_message_with_their_keys() -> None:
    events: list[Event] = [a_trade(number=1), a_quote(), a_trade(number=2)]

    batch = batch_of(events, MSGPACK, {"partition-of-3": 1})

    assert codec.decode(batch.body, batch.properties.content_type) == events
    assert batch.key == "trade.kraken.BTC.USDT"
    assert batch.properties.headers == {
        "events": 3,
        "partition-of-3": 1,
        "BCC": ["quote.kraken.BTC.USDT"],
    }


def test_events_that_are_too_large_together_are_parted() -> None:
    events: list[Event] = [replace(a_status(f"venue{n}"), reason="x" * 10_000) for n in range(300)]

    batch = batch_of(events, JSON, {})

    assert codec.decode(batch.body) == events[: len(batch.events)]
    assert 0 < len(batch.events) < 300


def test_of_many_large_events_no_more_are_encoded_than_a_message_holds() -> None:
    """A message that costs as much as all that waits leaves ever more waiting."""
    large: list[Event] = [replace(a_status(f"venue{n}"), reason="x" * 40_000) for n in range(4_096)]

    guessed = likely_fitting(large, JSON)

    assert guessed * 40_000 <= LARGEST_BODY
    assert len(batch_of(large, JSON, {}).events) == guessed > 20


def test_a_few_large_events_among_many_small_ones_are_seen() -> None:
    events: list[Event] = [a_trade(number=number) for number in range(4_000)]
    events[1_000:1_000] = [replace(a_status(), reason="x" * 40_000) for _ in range(1_000)]

    batch = batch_of(events, MSGPACK, {})

    assert len(batch.body) <= LARGEST_BODY
    assert likely_fitting(events, MSGPACK) < 1_000


def test_small_events_are_all_taken() -> None:
    events: list[Event] = [a_trade(number=number) for number in range(4_096)]

    assert likely_fitting(events, JSON) == len(batch_of(events, JSON, {}).events) == 4_096


def test_one_event_is_a_message_however_large() -> None:
    event = replace(a_status(), reason="x" * 2 * 1024**2)

    assert batch_of([event], JSON, {}).events == [event]


def test_the_keys_of_a_message_are_few_however_many_its_instruments() -> None:
    codes = ["".join(letters) * 4 for letters in product(string.ascii_uppercase, repeat=3)][:4_096]
    events: list[Event] = [a_trade(instrument=f"{code}-USDT", number=1) for code in codes]

    batch = batch_of(events, JSON, {})

    assert batch.key == "trade.kraken"
    assert batch.properties.headers == {"events": len(batch.events)}
    assert len(batch.events) > 4_000
