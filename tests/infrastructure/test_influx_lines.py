"""How events go into a bucket: what a server that refuses some of them is asked, and how often."""

from collections.abc import Collection, Sequence
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.timeseries.influx_lines import LINES_A_REQUEST, Inlet
from infrastructure.timeseries.influx_server import Answer, Bucket, InfluxServer
from infrastructure.timeseries.port import Stored
from market import StoreUnavailableError
from tests.making import a_trade

BUCKET = Bucket("crypto", "raw")


class Judge(InfluxServer):
    """A server that refuses lines by the trade id in them, and at most so many in a request."""

    def __init__(self, bad: Collection[str], *, at_most: int = 10_000, late: int = 0) -> None:
        self.bad = {f'trade_id="{trade_id}"'.encode() for trade_id in bad}
        self.at_most = at_most
        self.late = late
        self.stored: list[bytes] = []
        self.writes = 0

    async def write(self, bucket: Bucket, lines: bytes) -> Answer:
        assert bucket == BUCKET
        self.writes += 1
        each = [line for line in lines.split(b"\n") if line]
        if len(each) > self.at_most:
            return Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
        if any(line.split(b" ")[1].split(b",")[0] in self.bad for line in each):
            return Answer(HTTPStatus.BAD_REQUEST, "unable to parse")
        self.stored += each
        if self.late:
            said = f"partial write: points beyond retention policy dropped={self.late}"
            return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, said)
        return Answer(HTTPStatus.NO_CONTENT)


def trades(count: int) -> list[Stored]:
    return [a_trade(number=n, at_ns=n) for n in range(count)]


async def put(server: InfluxServer, events: Sequence[Stored]) -> list[Stored]:
    """Put the events in; return those that were refused."""
    return [event for event, _ in await Inlet(server, BUCKET).put(events)]


@pytest.mark.parametrize("bad", [0, 1, 499, 500, 617, 998, 999])
async def test_one_bad_event_of_a_thousand_costs_twelve_writes(bad: int) -> None:
    server, events = Judge([str(bad)]), trades(1_000)

    refused = await put(server, events)

    assert refused == [events[bad]]
    assert len(server.stored) == len(set(server.stored)) == 999
    assert server.writes <= 12


@given(count=st.integers(1, 300), bad=st.sets(st.integers(0, 299), max_size=12))
async def test_exactly_the_bad_events_are_refused(count: int, bad: set[int]) -> None:
    server, events = Judge([str(number) for number in bad]), trades(count)

    refused = await put(server, events)

    assert set(refused) == {event for number, event in enumerate(events) if number in bad}
    assert len(server.stored) == len(set(server.stored)) == count - len(refused)


async def test_requests_that_are_too_large_are_halved_until_they_are_not() -> None:
    server = Judge(["17"], at_most=100)

    refused = await put(server, trades(1_000))

    assert refused == [trades(18)[17]]
    assert len(set(server.stored)) == 999


async def test_what_came_too_late_is_counted_and_not_sent_again() -> None:
    server = Judge([], late=3)
    inlet = Inlet(server, BUCKET)

    refused = await inlet.put(trades(10))

    assert (refused, inlet.expired, server.writes) == ([], 3, 1)


async def test_server_that_is_busy_leaves_all_of_them_to_be_tried_again() -> None:
    class Busy(Judge):
        async def write(self, bucket: Bucket, lines: bytes) -> Answer:
            if self.writes:
                raise StoreUnavailableError("answers 429")
            return await super().write(bucket, lines)

    server = Busy([])

    with pytest.raises(StoreUnavailableError, match="answers 429"):
        await put(server, trades(2 * LINES_A_REQUEST))

    assert len(server.stored) == LINES_A_REQUEST
