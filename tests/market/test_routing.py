"""Keys and patterns: what is looked up at once is what one by one would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import ActorStatus, Event, Routes, routing_key
from market.routing import (
    KEYS_AT_MOST,
    Selection,
    message_keys,
    message_patterns,
    routing_keys,
)
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
PATTERNS = [
    *("#", "quote.#", "trade.kraken.#", "quote.*.BTC.*", "*.kraken.#", "routes.#", "status.*"),
    *("quote.#.EUR", "#.ETH.*", "*.*.BTC.EUR", "trade.kraken.COIN3.EUR", "#.COIN3.#", "routes.BTC"),
]
MANY: list[Event] = [
    event
    for number in range(KEYS_AT_MOST + 1)
    for event in (a_quote("kraken", f"COIN{number}-EUR"), a_trade("upbit", f"COIN{number}-KRW"))
]

some_events = st.lists(st.sampled_from([*EVENTS, ROUTES, ACTOR]))
of_venues = st.lists(st.sampled_from(EVENTS))
few_or_many = st.lists(st.sampled_from([*EVENTS, *MANY, ROUTES, ACTOR]), min_size=1, max_size=40)
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


def test_a_message_of_few_has_the_keys_of_each() -> None:
    assert message_keys(EVENTS) == list(map(routing_key, EVENTS))


def test_a_message_of_many_instruments_has_the_keys_of_their_venues() -> None:
    assert message_keys([*MANY, a_status("kraken"), ROUTES]) == [
        "quote.kraken",
        "trade.upbit",
        "status.kraken",
        "routes.BTC",
    ]


def test_a_message_of_many_venues_has_the_keys_of_the_kinds() -> None:
    quotes: list[Event] = [a_quote(f"venue{number}") for number in range(KEYS_AT_MOST + 1)]

    assert message_keys([*quotes, a_trade()]) == ["quote", "trade"]


@given(few_or_many)
def test_the_keys_of_a_message_are_few(events: list[Event]) -> None:
    kinds = {routing_key(event).split(".")[0] for event in events}

    assert len(message_keys(events)) <= max(KEYS_AT_MOST, len(kinds))


@given(some_patterns, few_or_many)
def test_a_message_reaches_whoever_wants_one_of_its_events(
    patterns: list[str], events: list[Event]
) -> None:
    bound, keys = message_patterns(patterns), message_keys(events)

    if Selection(patterns).of(events):
        assert any(matches(pattern, key) for pattern in bound for key in keys)


@pytest.mark.parametrize("pattern", ["#", "quote.#", "routes.#"])
def test_who_wants_whole_kinds_is_bound_to_nothing_else(pattern: str) -> None:
    assert message_patterns([pattern]) == [pattern]


@pytest.mark.parametrize(
    ("pattern", "venues", "kinds"),
    [
        ("quote.*.BTC.*", "quote.*", "quote"),
        ("*.*.BTC.EUR", "*.*", "*"),
        ("trade.kraken.BTC.EUR", "trade.kraken", "trade"),
        ("quote.#.EUR", "quote.*", "quote"),
        ("#.EUR", "*.*", "*"),
    ],
)
def test_who_wants_instruments_is_bound_to_messages_of_many(
    pattern: str, venues: str, kinds: str
) -> None:
    assert message_patterns([pattern]) == [pattern, venues, kinds]


def matches(pattern: str, key: str) -> bool:
    """Tell whether an AMQP topic pattern covers a key, word by word as RabbitMQ does."""
    return _match(pattern.split("."), key.split("."))


def _match(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    head, rest = pattern[0], pattern[1:]
    if head == "#":
        return any(_match(rest, words[i:]) for i in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _match(rest, words[1:])
