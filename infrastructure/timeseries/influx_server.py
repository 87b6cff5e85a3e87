"""An InfluxDB server as a store sees it: lines go in, rows come out, buckets are made.

Writing is the v2 API; reading is InfluxQL over ``/query``, the one language that InfluxDB 1, 2 and
3 all speak. There the token is the password of HTTP Basic, the one form that all of them take. A
bucket ``a/b`` is to ``/query`` the database ``a`` and its retention policy ``b``. See
https://docs.influxdata.com/influxdb/v2/api-guide/influxdb-1x/ and its page on DBRP mapping.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

import aiohttp
import msgspec
import structlog
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.client.write_api_async import WriteApiAsync
from influxdb_client.rest import ApiException

from market import StoreUnavailableError

Value: TypeAlias = int | float | str | bool | None
Row: TypeAlias = dict[str, Value]
R = TypeVar("R")

TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
"""What a write is answered with that holds a point the server does not take."""

_ABOUT_THE_LINES = (*REFUSED, TOO_LARGE)

log = structlog.get_logger()


class Bucket(msgspec.Struct, frozen=True):
    """A bucket by the two parts of its name.

    ``retention_s`` of zero keeps for ever; with ``shard_s`` of zero the server chooses how much
    time goes into one shard.
    """

    database: str
    policy: str
    retention_s: int = 0
    shard_s: int = 0

    @property
    def name(self) -> str:
        """The name in the v2 API."""
        return f"{self.database}/{self.policy}"


class Answer(msgspec.Struct, frozen=True):
    """What the server said to a request."""

    status: int
    text: str = ""


class InfluxServer:
    """Speaks to the server; what is not about the lines or rows is a StoreUnavailableError."""

    def __init__(
        self, url: str, org: str, *, writing: InfluxDBClientAsync, reading: InfluxDBClientAsync
    ) -> None:
        self._url = url
        self._org = org
        self._lines = WriteApiAsync(writing)
        self._v2: Any = writing.api_client
        self._v1: Any = reading.api_client

    async def write(self, bucket: Bucket, lines: bytes) -> Answer:
        """Write the lines.

        Returns:
            Whether they are stored (204), or why not all are (400, 413, 422).

        """
        try:
            await self._lines.write(bucket=bucket.name, record=lines)
        except ApiException as error:
            answer = Answer(error.status, (error.body or b"").decode(errors="replace"))
        except (aiohttp.ClientError, OSError) as error:
            raise self._no_answer(error) from error
        else:
            return Answer(HTTPStatus.NO_CONTENT)
        if answer.status in _ABOUT_THE_LINES:
            return answer
        raise self._turned_down(answer)

    async def query(self, bucket: Bucket, text: str, given: Mapping[str, Value]) -> list[Row]:
        """Ask in InfluxQL; ``given`` are the values of its ``$names``. Times are nanoseconds."""
        asked = {
            "db": bucket.database,
            "rp": bucket.policy,
            "epoch": "ns",
            "q": text,
            "params": json.dumps(given),
        }
        answer = await self._call(self._v1, "GET", "/query", asked)
        if answer.status != HTTPStatus.OK:
            raise self._turned_down(answer)
        reply = self._read(answer, _decode_reply)
        refusals = [reply.error, *(result.error for result in reply.results)]
        if any(refusals):
            raise self._turned_down(Answer(answer.status, "; ".join(filter(None, refusals))))
        return [row for result in reply.results for row in result.rows()]

    async def ensure(self, bucket: Bucket) -> None:
        """Make the bucket unless there is one of its name, which is left as it is."""
        asked = {"org": self._org, "name": bucket.name}
        answer = await self._call(self._v2, "GET", "/api/v2/buckets", asked)
        if answer.status == HTTPStatus.OK and self._read(answer, _decode_listing).buckets:
            return
        made = await self._call(self._v2, "POST", "/api/v2/buckets", body=await self._plan(bucket))
        if made.status != HTTPStatus.CREATED and "already exists" not in made.text:
            raise self._turned_down(made)
        log.info("bucket.made", bucket=bucket.name, retention_s=bucket.retention_s)

    async def extend(self, bucket: Bucket, retention_s: int) -> None:
        """Have the bucket keep its points for so long at least; a longer time is left as it is."""
        asked = {"org": self._org, "name": bucket.name}
        answer = await self._call(self._v2, "GET", "/api/v2/buckets", asked)
        found = (
            self._read(answer, _decode_listing).buckets if answer.status == HTTPStatus.OK else []
        )
        if not found:
            raise self._turned_down(answer)
        kept_s = min((rule.everySeconds for rule in found[0].retentionRules), default=0)
        if not kept_s or kept_s >= retention_s:
            return
        rules = [{"type": "expire", "everySeconds": retention_s}]
        path = f"/api/v2/buckets/{found[0].id}"
        made = await self._call(self._v2, "PATCH", path, body={"retentionRules": rules})
        if made.status != HTTPStatus.OK:
            raise self._turned_down(made)
        log.info("bucket.extended", bucket=bucket.name, from_s=kept_s, retention_s=retention_s)

    async def _plan(self, bucket: Bucket) -> dict[str, object]:
        answer = await self._call(self._v2, "GET", "/api/v2/orgs", {"org": self._org})
        if answer.status != HTTPStatus.OK:
            raise self._turned_down(answer)
        orgs = self._read(answer, _decode_listing).orgs
        if not orgs:
            raise self._turned_down(Answer(HTTPStatus.NOT_FOUND, "no such organisation"))
        retention: dict[str, object] = {"type": "expire", "everySeconds": bucket.retention_s}
        if bucket.shard_s:
            retention["shardGroupDurationSeconds"] = bucket.shard_s
        return {"orgID": orgs[0].id, "name": bucket.name, "retentionRules": [retention]}

    async def _call(
        self,
        api: Any,
        method: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        try:
            response: aiohttp.ClientResponse = await api.call_api(
                path,
                method,
                query_params=list((asked or {}).items()),
                body=body,
                _preload_content=False,
            )
            async with response:
                return Answer(response.status, await response.text(errors="replace"))
        except (aiohttp.ClientError, OSError) as error:
            raise self._no_answer(error) from error

    def _read(self, answer: Answer, decode: Callable[[str], R]) -> R:
        try:
            return decode(answer.text)
        except msgspec.DecodeError as error:
            raise StoreUnavailableError(
                f"what answers at {self._url} is no InfluxDB ({error}): {answer.text[:200]!r}"
            ) from error

    def _no_answer(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"InfluxDB at {self._url} does not answer ({error!r}); is it running?"
        )

    def _turned_down(self, answer: Answer) -> StoreUnavailableError:
        match answer.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                remedy = f"give a token that may read and write in the organisation {self._org!r}"
            case HTTPStatus.NOT_FOUND:
                remedy = (
                    f"check the organisation {self._org!r}, and that this is InfluxDB 2; a bucket "
                    "that was deleted is made again at the next start"
                )
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                remedy = (
                    "make room on its disk if there is none, else restart it: after a full disk "
                    "InfluxDB 1 answers so until it is restarted"
                )
            case _:
                remedy = "look into its log"
        said = " ".join(answer.text.split())[:500]
        return StoreUnavailableError(
            f"InfluxDB at {self._url} answers {answer.status} {said!r}; {remedy}"
        )


@asynccontextmanager
async def reach(url: str, *, token: str, org: str, timeout_s: float) -> AsyncIterator[InfluxServer]:
    """Have connections to the server; the first request opens them."""
    limit_ms = round(timeout_s * 1_000)
    async with (
        InfluxDBClientAsync(url, token, org, timeout=limit_ms) as writing,
        InfluxDBClientAsync(url, f"any:{token}", auth_basic=True, timeout=limit_ms) as reading,
    ):
        yield InfluxServer(url, org, writing=writing, reading=reading)


class _Series(msgspec.Struct):
    columns: list[str]
    tags: dict[str, str] = {}
    values: list[list[Value]] = []


class _Result(msgspec.Struct):
    series: list[_Series] = []
    error: str = ""

    def rows(self) -> Iterator[Row]:
        for series in self.series:
            for values in series.values:
                yield {**series.tags, **dict(zip(series.columns, values, strict=True))}


class _Reply(msgspec.Struct):
    """What ``/query`` says."""

    results: list[_Result] = []
    error: str = ""


class _Rule(msgspec.Struct):
    everySeconds: int  # noqa: N815  # as InfluxDB calls it


class _Named(msgspec.Struct):
    id: str
    name: str
    retentionRules: list[_Rule] = []  # noqa: N815  # as above


class _Listing(msgspec.Struct):
    """What the v2 API says when it is asked for those of one name."""

    buckets: list[_Named] = []
    orgs: list[_Named] = []


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_listing = msgspec.json.Decoder(_Listing).decode
