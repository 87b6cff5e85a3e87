"""What every service that is polled must do; a new module is covered from its birth."""

import json
from math import isfinite

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Event, FrameError, Instrument, Quote, Summary, VenueCandle, VenueRefusedError
from stream_service.polled import PolledVenue, Poller
from stream_service.wire import EARLIEST_NS, LATEST_NS
from tests.venues.polled_cases import (
    ANSWERS,
    POLLED,
    RECEIVED,
    a_polled_market,
    instruments,
    played,
    read,
    requests,
)
from tests.venues.test_hostile_frames import damage, with_one_value_replaced

BODIES = [(venue, name) for venue, bodies in ANSWERS.items() for name in bodies]


@pytest.fixture(params=POLLED.values(), ids=lambda venue: venue.name)
def venue(request: pytest.FixtureRequest) -> PolledVenue:
    venue: PolledVenue = request.param
    return venue


def test_it_is_asked_over_tls_with_a_budget(venue: PolledVenue) -> None:
    roots = [venue.rest_url, *venue.other_rest_urls.values()]

    assert all(root.startswith("https://") for root in roots)
    assert venue.budget.a_day is not None
    assert venue.budget.a_minute is not None
    assert venue.budget.interval_s > 0.0


def test_a_simulated_one_has_no_limits_and_every_key(venue: PolledVenue) -> None:
    simulated = venue.at("http://127.0.0.1:9/rest")

    assert simulated.budget.a_day is None
    assert simulated.missing == ()
    assert simulated.is_simulated


def test_what_its_own_side_answers_is_read_back(venue: PolledVenue) -> None:
    wanted = instruments("USD-KRW")
    market = a_polled_market(venue, "USD-KRW")

    (event,) = played(venue, venue.poller(wanted), market)

    assert isinstance(event, Quote | Summary)
    assert (event.venue, event.instrument) == (venue.name, wanted[0])
    assert isfinite(event.last if isinstance(event, Summary) else event.bid)


def test_what_it_does_not_serve_is_not_answered(venue: PolledVenue) -> None:
    with pytest.raises(LookupError):
        venue.answer("/nothing/here", a_polled_market(venue, "USD-KRW"))


def test_no_request_holds_a_key_before_it_is_signed(venue: PolledVenue) -> None:
    poller = venue.poller(instruments("USD-KRW", "BTC-USD", "NVDA-USD"))
    keys = dict.fromkeys(venue.credentials, "canary&=?")

    for request in requests(poller):
        signed = str(venue.sign(request, keys))

        assert "canary" in signed
        assert "canary" not in str(request)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"7", b"\xff\xfe", b"<html>busy</html>"])
def test_an_unreadable_answer_raises_frame_error(venue: PolledVenue, body: bytes) -> None:
    poller = venue.poller(instruments("USD-KRW", "BTC-USD"))

    for request in requests(poller):
        with pytest.raises(FrameError, match=venue.name):
            poller.answered(request, body, RECEIVED)


@pytest.mark.parametrize(("name", "body"), BODIES)
def test_a_hostile_value_is_refused_or_without_effect(name: str, body: str) -> None:
    good = bytes(ANSWERS[name][body])

    for hostile in with_one_value_replaced(good):
        assert_all_true(read_or_refuse(POLLED[name].poller(), hostile), hostile)


@given(data=st.data())
def test_a_damaged_answer_raises_frame_error_at_most(data: st.DataObject) -> None:
    name, body = data.draw(st.sampled_from(BODIES))
    damaged = data.draw(damage(bytes(ANSWERS[name][body])))

    assert_all_true(read_or_refuse(POLLED[name].poller(), damaged), damaged)


def read_or_refuse(poller: Poller, body: bytes) -> list[Event]:
    try:
        return read(poller, body, "BTC-USD")
    except (FrameError, VenueRefusedError):
        return []


def assert_all_true(events: list[Event], body: bytes) -> None:
    """Hold that no event says what cannot be."""
    for event in events:
        match event:
            case Quote():
                values: list[float | None] = [event.bid, event.ask, event.ask - event.bid + 1]
            case Summary():
                values = [event.last, event.high, event.low, event.open]
                values += [None if event.volume is None else event.volume + 1]
            case VenueCandle():
                values = [event.open, event.high, event.low, event.close, event.volume + 1]
            case _:
                values = []
        told = [value for value in values if value is not None]
        assert told, body
        assert all(isfinite(value) and value > 0 for value in told), body
        assert EARLIEST_NS <= event.event_ns < LATEST_NS, body
        assert json.loads(msgspec.json.encode(event)), body
        assert isinstance(getattr(event, "instrument", None), Instrument), body
