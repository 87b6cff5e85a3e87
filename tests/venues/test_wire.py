"""Numbers and times survive being written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_service.wire import (
    EARLIEST_NS,
    LATEST_NS,
    decimals_of,
    ns_of_rfc3339,
    ns_of_seconds,
    plain,
    rfc3339_of_ns,
    route_of,
)

moments = st.integers(EARLIEST_NS, LATEST_NS - 1)


@given(
    value=st.floats(min_value=0, allow_nan=False, allow_infinity=False), places=st.integers(0, 18)
)
def test_a_plain_number_has_no_exponent_and_reads_back_equal(value: float, places: int) -> None:
    text = plain(value, places)

    assert "e" not in text
    assert float(text) == value
    assert len(text.partition(".")[2]) >= places


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (1e-8, 0, "0.00000001"),
        (1e16, 0, "10000000000000000"),
        (100.0, 2, "100.00"),
        (0.5, 1, "0.5"),
    ],
)
def test_zeros_are_added_up_to_the_places_asked_for(value: float, places: int, text: str) -> None:
    assert plain(value, places) == text


@pytest.mark.parametrize(("step", "places"), [(None, 0), (1.0, 0), (0.05, 2), (1e-8, 8)])
def test_the_places_of_a_step_are_counted(step: float | None, places: int) -> None:
    assert decimals_of(step) == places


@given(moment=moments)
def test_a_time_reads_back_to_the_microsecond(moment: int) -> None:
    assert ns_of_rfc3339(rfc3339_of_ns(moment)) == moment // 1_000 * 1_000


@given(moment=moments)
def test_seconds_with_a_fraction_read_back_to_the_nanosecond(moment: int) -> None:
    second, fraction = divmod(moment, 10**9)

    assert ns_of_seconds(f"{second}.{fraction:09d}") == moment


@pytest.mark.parametrize(
    ("text", "event_ns"),
    [
        ("2026-07-07T23:00:04Z", 1_783_465_204_000_000_000),
        ("2026-07-07T23:00:04.5Z", 1_783_465_204_500_000_000),
        ("2026-07-07T23:00:04.585581Z", 1_783_465_204_585_581_000),
        ("2026-07-07T23:00:04.585581123Z", 1_783_465_204_585_581_123),
    ],
)
def test_a_time_is_read_to_its_last_digit(text: str, event_ns: int) -> None:
    assert ns_of_rfc3339(text) == event_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "now",
        "2026-07-07T23:00:04.585581",
        "2026-07-07T23:00:04,5Z",
        "2026-07-07 23:00:04Z",
        "2026-07-07T23:00+01Z",
        "2026-13-07T23:00:04.585581Z",
        "2026-07-07T23:00:04.58558_Z",
        "2026-07-07T23:00:04.+85581Z",
        "2026-07-07T23:00:04.5855811234Z",
        "2026-07-07T23:00:04.585581Z+09:00",
        "1970-01-01T00:00:00.000000Z",
        "2099-01-01T00:00:00.000000Z",
    ],
)
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ends with Z|not written as|offset|month|fraction|2009"):
        ns_of_rfc3339(text)


def test_a_request_is_split_into_route_and_query() -> None:
    assert route_of("/v1/x?market=KRW-BTC&count=5") == (
        "/v1/x",
        {"market": "KRW-BTC", "count": "5"},
    )
