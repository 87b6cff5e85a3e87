"""Events to one InfluxDB bucket, in requests of some thousand lines; what it refuses comes back.

How the server answers a write, and what becomes of the lines:

* 204: all are stored;
* 400, 422 about the retention policy: all are but those that are too old, which are dropped;
* 400, 422 else: some line cannot be stored. The lines are halved until it stands alone;
* 413: the request is too large, so it is halved as well;
* all else is about the server and not about the lines: a StoreUnavailableError.
"""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus

import structlog

from infrastructure.timeseries.batch import Refused
from infrastructure.timeseries.influx_server import Answer, Bucket, InfluxServer
from infrastructure.timeseries.line_protocol import line_of
from infrastructure.timeseries.port import Stored

LINES_A_REQUEST = 2_500
"""Larger requests are no faster, and bodies beyond a megabyte hold up the event loop."""

REQUESTS_IN_FLIGHT = 2

log = structlog.get_logger()


class Inlet:
    """Where the events of one bucket go in."""

    def __init__(self, server: InfluxServer, bucket: Bucket) -> None:
        self._server = server
        self._bucket = bucket
        self._in_flight = asyncio.Semaphore(REQUESTS_IN_FLIGHT)

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
            body = await asyncio.to_thread(_body, events)
            answer = await self._server.write(self._bucket, body)
        if answer.status == HTTPStatus.NO_CONTENT:
            return []
        if _is_only_late(answer):
            log.warning("store.expired", bucket=self._bucket.name, why=answer.text.strip()[:300])
            return []
        if len(events) == 1:
            return [(events[0], f"InfluxDB refuses it: {answer.text.strip()[:300]}")]
        middle = len(events) // 2
        return [*await self._put_part(events[:middle]), *await self._put_part(events[middle:])]


def _body(events: Sequence[Stored]) -> bytes:
    return b"\n".join(map(line_of, events))


def _is_only_late(answer: Answer) -> bool:
    """Tell whether all that was not stored is older than the bucket keeps.

    The server says so only if it has nothing else to complain about.
    """
    return re.search(r"(beyond|outside) retention policy", answer.text) is not None
