"""Listings are parted among connections within the venue's limits."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream_service.sharding import parts_of
from stream_service.venues import load_venues
from tests.making import a_listing

VENUE = load_venues()["kraken"]
FIVE = [a_listing(f"{base}-USD") for base in ("BTC", "ETH", "SOL", "XRP", "ADA")]


def test_a_connection_takes_as_many_as_the_venue_allows() -> None:
    venue = msgspec.structs.replace(VENUE, instruments_at_most=2)

    parts, left_out = parts_of(venue, FIVE)

    assert parts == [FIVE[:2], FIVE[2:4], FIVE[4:]]
    assert not left_out


def test_what_the_venue_leaves_no_room_for_is_returned() -> None:
    venue = msgspec.structs.replace(VENUE, instruments_at_most=2, connections_at_most=2)

    parts, left_out = parts_of(venue, FIVE)

    assert parts == [FIVE[:2], FIVE[2:4]]
    assert left_out == FIVE[4:]


def test_groups_share_no_connection() -> None:
    venue = msgspec.structs.replace(VENUE, group=lambda row: row.instrument.base[0])

    parts, _ = parts_of(venue, [*FIVE, a_listing("BCH-USD")])

    assert [FIVE[0], a_listing("BCH-USD")] in parts
    assert len(parts) == 5


@given(count=st.integers(0, 60), size=st.integers(1, 20), most=st.integers(1, 5) | st.none())
def test_every_listing_is_in_one_part_or_left_out(count: int, size: int, most: int | None) -> None:
    venue = msgspec.structs.replace(VENUE, instruments_at_most=size, connections_at_most=most)
    listings = [a_listing(f"C{number}-USD") for number in range(count)]

    parts, left_out = parts_of(venue, listings)

    assert [row for part in parts for row in part] + left_out == listings
    assert all(0 < len(part) <= size for part in parts)
    assert most is None or len(parts) <= most
