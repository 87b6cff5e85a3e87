"""Keys and patterns: what is looked up at once is what one by one would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import ActorStatus, Event, Routes, routing_key
from market.routing import Selection, matches, names_instruments, routing_keys, venue_keys
from tests.making import a_quote, a_status, a_trade

ROUTES = Routes(event_ns=1, received_ns=1, sequence=1, base="BTC", routes=())
ACTOR = ActorStatus(
    event_ns=1, received_ns=1, sequence=1, actor="storage.writer", process="p", state="running"
)
EVENTS: list[Event] = [
    a_quote("kraken", "BTC-EUR"),
    a_quote("upbit", "ETH-KRW"),
    a_trade("kraken", "BTC-EUR"),
    a_status("kraken"),
]
PATTERNS = ["#", "quote.#", "trade.kraken.#", "quote.*.BTC.*", "*.kraken.#", "routes.#", "status.*"]

some_events = st.lists(st.sampled_from([*EVENTS, ROUTES, ACTOR]))
of_venues = st.lists(st.sampled_from(EVENTS))
some_patterns = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (EVENTS[0], "quote.kraken.BTC.EUR"),
        (a_status("kraken"), "status.kraken"),
        (ROUTES, "routes.BTC"),
        (ACTOR, "actor.storage-writer"),
    ],
)
def test_a_key_says_kind_venue_and_instrument(event: Event, key: str) -> None:
    assert routing_key(event) == key


@given(some_events | of_venues)
def test_keys_of_many_are_those_of_each_once_the_first_first(events: list[Event]) -> None:
    assert routing_keys(events) == list(dict.fromkeys(map(routing_key, events)))


@given(some_patterns, some_events | of_venues)
def test_a_selection_picks_what_a_pattern_covers(patterns: list[str], events: list[Event]) -> None:
    picked = Selection(patterns).of(events)

    assert list(picked) == [
        event for event in events if any(matches(p, routing_key(event)) for p in patterns)
    ]


def test_keys_that_end_at_the_venue_are_fewer() -> None:
    quotes: list[Event] = [a_quote("kraken", "BTC-EUR"), a_quote("kraken", "ETH-EUR")]
    events = [*quotes, a_status("kraken"), ROUTES]

    assert venue_keys(events) == ["quote.kraken", "status.kraken", "routes.BTC"]


@pytest.mark.parametrize("pattern", ["#", "quote.#", "quote.kraken.#", "routes.BTC", "status.*"])
def test_patterns_of_kinds_and_venues_ask_for_no_instrument(pattern: str) -> None:
    assert not names_instruments(pattern)


@pytest.mark.parametrize("pattern", ["quote.*.BTC.*", "trade.kraken.BTC.EUR", "quote.#.EUR"])
def test_patterns_with_more_words_ask_for_instruments(pattern: str) -> None:
    assert names_instruments(pattern)
