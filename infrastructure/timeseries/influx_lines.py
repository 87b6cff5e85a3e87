"""Events to one InfluxDB bucket, in requests of some thousand lines; what it refuses comes back.

How the server answers a write, and what becomes of the lines:

* 204: all are stored;
* 400, 422 about the retention policy: all are but those that are too old, which are dropped;
* 400, 422 else: some line cannot be stored. It is sought by halves: of two halves that are not
  both good, the first that is not is halved again, and all that was not looked into is sent
  together once it stands alone. So one of a thousand costs twelve requests at most;
* 413: the request is too large, so it is halved;
* all else is about the server and not about the lines: a StoreUnavailableError.

InfluxDB 1 stores the good lines of a request that it refuses; they are sent again all the same,
which stores them once.
"""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus

import structlog

from infrastructure.timeseries.batch import Refused
from infrastructure.timeseries.influx_server import TOO_LARGE, Answer, Bucket, InfluxServer
from infrastructure.timeseries.line_batch import lines_of
from infrastructure.timeseries.port import Stored

LINES_A_REQUEST = 3_500
"""Half a megabyte; what sends it holds up the event loop the longer the larger it is."""

REQUESTS_IN_FLIGHT = 4
"""A whole batch of the writer: with two the server waits for the next lines to be made."""

LINES_AT_ONCE = 1_000
"""Making them holds up the event loop for some 3 ms; those made before leave in between."""

log = structlog.get_logger()


class Inlet:
    """Where the events of one bucket go in; ``expired`` counts those that came too late."""

    def __init__(self, server: InfluxServer, bucket: Bucket) -> None:
        self.expired = 0
        self._server = server
        self._bucket = bucket
        self._in_flight = asyncio.Semaphore(REQUESTS_IN_FLIGHT)
        self._making = asyncio.Lock()

    async def put(self, events: Sequence[Stored]) -> Refused:
        """Store the events, no two of which are the same one; return those that cannot be.

        Raises:
            StoreUnavailableError: the server does not answer or takes nothing at all.

        """
        parts = [
            events[start : start + LINES_A_REQUEST]
            for start in range(0, len(events), LINES_A_REQUEST)
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                under_way = [tasks.create_task(self._put_part(part)) for part in parts]
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        return [refused for task in under_way for refused in task.result()]

    async def _put_part(self, events: Sequence[Stored]) -> Refused:
        async with self._in_flight:
            refused: Refused = []
            waiting = [events]
            while waiting:
                part = waiting.pop()
                answer = await self._send(part)
                if answer.status == TOO_LARGE and len(part) > 1:
                    waiting += _halves(part)
                elif answer.status != HTTPStatus.NO_CONTENT:
                    bad, others = await self._find(part, answer)
                    refused.append(bad)
                    waiting += [others] if others else []
            return refused

    async def _find(
        self, events: Sequence[Stored], answer: Answer
    ) -> tuple[tuple[Stored, str], list[Stored]]:
        """Find the first of the events that is refused; return those not looked into as well."""
        others: list[Stored] = []
        while len(events) > 1:
            first, second = _halves(events)
            of_first = await self._send(first)
            if of_first.status == HTTPStatus.NO_CONTENT:
                events = second
            else:
                events, answer = first, of_first
                others += second
        return (events[0], f"InfluxDB refuses it: {answer.text.strip()[:300]}"), others

    async def _send(self, events: Sequence[Stored]) -> Answer:
        """Write the events; that some come too late is as good as stored."""
        answer = await self._server.write(self._bucket, await self._lines_of(events))
        if answer.status == HTTPStatus.NO_CONTENT or (late := _late(answer.text)) is None:
            return answer
        self.expired += late
        log.warning(
            "store.expired", bucket=self._bucket.name, events=late, why=answer.text.strip()[:300]
        )
        return Answer(HTTPStatus.NO_CONTENT)

    async def _lines_of(self, events: Sequence[Stored]) -> bytes:
        """Write the lines of one request after those of the other: the first is under way early."""
        made: list[bytes] = []
        async with self._making:
            for start in range(0, len(events), LINES_AT_ONCE):
                made.append(lines_of(events[start : start + LINES_AT_ONCE]).removesuffix(b"\n"))
                await asyncio.sleep(0)
        return b"\n".join(made)


def _halves(events: Sequence[Stored]) -> tuple[Sequence[Stored], Sequence[Stored]]:
    middle = len(events) // 2
    return events[:middle], events[middle:]


def _late(said: str) -> int | None:
    """Return how many points were dropped as older than the bucket keeps; None: it is not that.

    The server says so only if it has nothing else to complain about: ``points beyond retention
    policy dropped=3`` (1), ``dropped 3 points outside retention policy`` (2).
    """
    if not re.search(r"(beyond|outside) retention policy", said):
        return None
    dropped = re.search(r"dropped[= ](\d+)", said)
    return int(dropped[1]) if dropped else 1
