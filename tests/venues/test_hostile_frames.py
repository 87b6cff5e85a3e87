"""Whatever a venue sends: it is read right, refused with `FrameError`, or has no effect."""

import json
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Book, Event, FrameError, Instrument, Quote, Trade, VenueRefusedError
from stream_service.venue import Session, Venue
from stream_service.wire import EARLIEST_NS, LATEST_NS
from tests.venues.cases import CASES, FRAMES, VENUES, Case, a_market, answers
from tests.venues.playing import NOW, Wire

HOSTILE = ("NaN", "Infinity", "0", "-1", "1e400", "-1e400", "null", '""', "[]", "{}", "true")
HOSTILE_TEXTS = ('"NaN"', '"Infinity"', '"-1"', '"1e400"', '"2099-01-01T00:00:00Z"', '"9e99"')
HOSTILE_TIMES = ("4070908800000", "1230767999999", "4070908800000000", "9223372036854775808")


@pytest.fixture(params=VENUES.values(), ids=lambda venue: venue.name)
def venue(request: pytest.FixtureRequest) -> Venue:
    venue: Venue = request.param
    return venue


@pytest.mark.parametrize(
    "frame", [b"", b"{", b"null", b"7", b'"text"', b"\xff\xfe", b'{"data":' + b"[" * 100_000]
)
def test_an_unreadable_frame_raises_frame_error(venue: Venue, frame: bytes) -> None:
    session = Wire(venue, a_market(venue)).session

    with pytest.raises(FrameError, match=venue.name):
        list(session.receive(frame, NOW))


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"7", b"\xff\xfe"])
def test_an_unreadable_answer_raises_frame_error(venue: Venue, body: bytes) -> None:
    session = Wire(venue, a_market(venue)).session

    for request in session.requests():
        with pytest.raises(FrameError, match=venue.name):
            list(session.answered(request, body, NOW))


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"7", b"\xff\xfe", b'[{"x": 1}]'])
def test_an_unreadable_listing_raises_frame_error(venue: Venue, body: bytes) -> None:
    asking = venue.list_instruments(venue)
    next(asking)

    with pytest.raises(FrameError, match=venue.name):
        asking.send(body)


@pytest.mark.parametrize(("venue_name", "name", "frame"), FRAMES)
def test_a_hostile_value_is_refused_or_without_effect(
    venue_name: str, name: str, frame: bytes
) -> None:
    case = CASES[name]

    for hostile in with_one_value_replaced(frame):
        session = case.session(venue_name)
        list(answers(case, session))
        assert_all_true(read_or_refuse(session, hostile), case, hostile)


@given(data=st.data())
def test_a_damaged_frame_raises_frame_error_at_most_and_the_session_goes_on(
    data: st.DataObject,
) -> None:
    venue_name, name, frame = data.draw(st.sampled_from(FRAMES))
    case = CASES[name]
    session = case.session(venue_name)
    list(answers(case, session))

    damaged = data.draw(damage(frame))

    assert_all_true(read_or_refuse(session, damaged), case, damaged)
    for good in case.frames:
        list(session.receive(bytes(good), NOW))


def read_or_refuse(session: Session, frame: bytes) -> list[Event]:
    try:
        return list(session.receive(frame, NOW))
    except FrameError:
        return []
    except VenueRefusedError:
        assert b"rror" in frame or b"success" in frame  # a refusal of the venue's, damaged
        return []


def assert_all_true(events: Sequence[Event], case: Case, frame: bytes) -> None:
    """Hold that no event says what cannot be."""
    instruments = {Instrument.parse(row.instrument) for row in case.listings}
    for event in events:
        match event:
            case Quote():
                values = [event.bid, event.ask, event.bid_size + 1, event.ask_size + 1]
            case Trade():
                values = [event.price, event.size]
            case Book():
                levels = [*event.bids, *event.asks]
                values = [value for level in levels for value in (level.price, level.size)]
            case _:
                values = []
        assert all(isfinite(value) and value > 0 for value in values), frame
        assert event.event_ns == NOW or EARLIEST_NS <= event.event_ns < LATEST_NS, frame
        assert getattr(event, "instrument", None) in instruments, frame


def with_one_value_replaced(frame: bytes) -> Iterator[bytes]:
    """Put every hostile value, or nothing, in the place of every value of the frame."""
    places = list(_places(json.loads(frame), ()))
    for place in places:
        for hostile in (*HOSTILE, *HOSTILE_TEXTS, *HOSTILE_TIMES):
            yield _replaced(frame, place, hostile)
        yield _replaced(frame, place, None)


def _places(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _places(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                yield from _places(inner, (*path, index))
        case _:
            yield path


def _replaced(frame: bytes, place: tuple[str | int, ...], hostile: str | None) -> bytes:
    tree = json.loads(frame)
    parent = tree
    for step in place[:-1]:
        parent = parent[step]
    if hostile is None:
        del parent[place[-1]]
        return json.dumps(tree).encode()
    parent[place[-1]] = "@here@"
    return json.dumps(tree).replace('"@here@"', hostile).encode()


def damage(frame: bytes) -> st.SearchStrategy[bytes]:
    """Cut, repeat, or overwrite a part of the frame."""
    span = st.tuples(st.integers(0, len(frame)), st.integers(0, 12))
    return st.builds(
        lambda at, filling: frame[: at[0]] + filling + frame[at[0] + at[1] :],
        span,
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from([b"0", b"-", b"9" * 20, b"e", b'"', b",", b"null"]),
        ),
    )
