"""Listings to connections: as few as the venue's limits allow, each listing on one of them."""

from collections.abc import Sequence

from market import Listing
from stream_service.venue import Venue


def parts_of(
    venue: Venue, listings: Sequence[Listing]
) -> tuple[list[list[Listing]], list[Listing]]:
    """Part listings among connections.

    Returns:
        The parts, each for one connection; and the listings that the venue leaves no room for.

    """
    parts: list[list[Listing]] = []
    left_out: list[Listing] = []
    size = venue.instruments_at_most
    for group in dict.fromkeys(venue.group(row) for row in listings):
        of_group = [row for row in listings if venue.group(row) == group]
        room = len(of_group)
        if venue.connections_at_most is not None:
            room = venue.connections_at_most * size
        left_out += of_group[room:]
        taken = of_group[:room]
        parts += [taken[start : start + size] for start in range(0, len(taken), size)]
    return parts, left_out
