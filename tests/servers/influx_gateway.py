"""InfluxDB's v2 API, as far as it is needed here, in front of an InfluxDB 1 server.

python -m tests.servers.influx_gateway PORT UPSTREAM_URL TOKEN USER PASSWORD

It translates the write, bucket and organisation calls, hands ``/query`` through, keeps tokens that
open some buckets only, and answers 503 while the server behind it is away. Unlike InfluxDB 2,
InfluxDB 1 stores the good lines of a request that has an unreadable one.
"""

import base64
import json
import re
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import BasicAuth, ClientError, ClientSession, ClientTimeout, web

ORG_ID = "0000000000000001"
SECONDS = {"h": 3_600, "m": 60, "s": 1}


class Gateway:
    """One token opens all of it; one user is known to the server behind it.

    Other tokens are made by who has the first one, and kept in the file ``kept``, if it is given.
    """

    def __init__(
        self, upstream: str, *, token: str, user: str, password: str, kept: Path | None = None
    ) -> None:
        self._upstream = upstream
        self._token = token
        self._kept = kept
        self._granted: list[dict[str, Any]] = []
        if kept and kept.exists():
            self._granted = json.loads(kept.read_text())
        self._auth = BasicAuth(user, password)
        self._session: ClientSession

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._guard])
        app.cleanup_ctx.append(self._open)
        app.add_routes(
            [
                web.get("/ping", self._ping),
                web.get("/metrics", self._metrics),
                web.get("/query", self._query),
                web.post("/api/v2/write", self._write),
                web.get("/api/v2/orgs", self._orgs),
                web.get("/api/v2/buckets", self._buckets),
                web.get("/api/v2/buckets/{id}", self._bucket_of),
                web.post("/api/v2/buckets", self._make_bucket),
                web.patch("/api/v2/buckets/{id}", self._change_bucket),
                web.get("/api/v2/authorizations", self._authorizations),
                web.post("/api/v2/authorizations", self._authorize),
                web.delete("/api/v2/authorizations/{id}", self._revoke),
            ]
        )
        return app

    async def _open(self, _app: web.Application) -> AsyncIterator[None]:
        async with ClientSession(auth=self._auth, timeout=ClientTimeout(total=30)) as self._session:
            yield

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        if request.path not in ("/ping", "/metrics"):
            grant = self._grant(request)
            if grant is None:
                return _error(HTTPStatus.UNAUTHORIZED, "unauthorized access")
            if not _is_within(grant, request):
                return _error(HTTPStatus.FORBIDDEN, "insufficient permissions")
        try:
            return await handler(request)
        except (ClientError, TimeoutError) as error:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, f"the server is away: {error!r}")

    async def _ping(self, _request: web.Request) -> web.Response:
        async with self._session.get(f"{self._upstream}/ping") as answer:
            return web.Response(status=answer.status)

    async def _metrics(self, _request: web.Request) -> web.Response:
        async with self._session.get(f"{self._upstream}/metrics") as answer:
            text = await answer.text()
            return web.Response(status=answer.status, text=text, content_type="text/plain")

    async def _query(self, request: web.Request) -> web.Response:
        async with self._session.get(f"{self._upstream}/query", params=request.query) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                content_type=answer.content_type,
            )

    async def _write(self, request: web.Request) -> web.Response:
        database, _, policy = request.query["bucket"].partition("/")
        params = {"db": database, "rp": policy, "precision": request.query["precision"]}
        body = await request.read()
        async with self._session.post(
            f"{self._upstream}/write", params=params, data=body
        ) as answer:
            if answer.status == HTTPStatus.NO_CONTENT:
                return web.Response(status=HTTPStatus.NO_CONTENT)
            why = json.loads(await answer.text())["error"]
        partial = why.startswith("partial write") and not why.endswith("dropped=0")
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY if partial else answer.status, why)

    async def _orgs(self, request: web.Request) -> web.Response:
        return web.json_response({"orgs": [{"id": ORG_ID, "name": request.query["org"]}]})

    async def _buckets(self, request: web.Request) -> web.Response:
        database, _, policy = request.query["name"].partition("/")
        rows = await self._run(f'SHOW RETENTION POLICIES ON "{database}"')
        found = [_bucket(database, policy, _seconds(row[1])) for row in rows if row[0] == policy]
        return web.json_response({"buckets": found})

    async def _make_bucket(self, request: web.Request) -> web.Response:
        asked = await request.json()
        database, _, policy = asked["name"].partition("/")
        rule = asked["retentionRules"][0]
        kept = f"{rule['everySeconds']}s" if rule["everySeconds"] else "INF"
        shard_s = rule.get("shardGroupDurationSeconds")
        shard = f" SHARD DURATION {shard_s}s" if shard_s else ""
        await self._run(f'CREATE DATABASE "{database}"')
        await self._run(
            f'CREATE RETENTION POLICY "{policy}" ON "{database}" DURATION {kept} '
            f"REPLICATION 1{shard}"
        )
        made = _bucket(database, policy, rule["everySeconds"])
        return web.json_response(made, status=HTTPStatus.CREATED)

    async def _bucket_of(self, request: web.Request) -> web.Response:
        name = bytes.fromhex(request.match_info["id"]).decode()
        database, _, policy = name.partition("/")
        rows = await self._run(f'SHOW RETENTION POLICIES ON "{database}"')
        if not any(row[0] == policy for row in rows):
            return _error(HTTPStatus.NOT_FOUND, "bucket not found")
        return web.json_response(_bucket(database, policy, 0))

    async def _change_bucket(self, request: web.Request) -> web.Response:
        name = bytes.fromhex(request.match_info["id"]).decode()
        database, _, policy = name.partition("/")
        kept_s = (await request.json())["retentionRules"][0]["everySeconds"]
        await self._run(
            f'ALTER RETENTION POLICY "{policy}" ON "{database}" DURATION {kept_s or "INF"}'
            f"{'s' if kept_s else ''}"
        )
        return web.json_response(_bucket(database, policy, kept_s))

    async def _authorizations(self, _request: web.Request) -> web.Response:
        return web.json_response({"authorizations": self._granted})

    async def _authorize(self, request: web.Request) -> web.Response:
        made = await request.json()
        made |= {"id": secrets.token_hex(8), "token": secrets.token_urlsafe(24)}
        self._granted.append(made)
        self._keep()
        return web.json_response(made, status=HTTPStatus.CREATED)

    async def _revoke(self, request: web.Request) -> web.Response:
        self._granted = [one for one in self._granted if one["id"] != request.match_info["id"]]
        self._keep()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _keep(self) -> None:
        if self._kept:
            self._kept.write_text(json.dumps(self._granted))

    def _grant(self, request: web.Request) -> set[tuple[str, str]] | None:
        """Return what who asks may do with which bucket; ``*`` is any, None: he is not known."""
        given = _tokens(request)
        if self._token in given:
            return {("read", "*"), ("write", "*")}
        for one in self._granted:
            if one["token"] in given:
                return {(each["action"], each["resource"]["id"]) for each in one["permissions"]}
        return None

    async def _run(self, statement: str) -> list[list[Any]]:
        """Run a statement; a database that is not there has no rows."""
        async with self._session.post(f"{self._upstream}/query", params={"q": statement}) as answer:
            answer.raise_for_status()
            (result,) = (await answer.json())["results"]
        if "error" in result and "database not found" not in result["error"]:
            raise web.HTTPUnprocessableEntity(text=json.dumps({"message": result["error"]}))
        return [row for series in result.get("series", []) for row in series["values"]]


def _is_within(grant: set[tuple[str, str]], request: web.Request) -> bool:
    """Tell whether a token of that grant opens what is asked for."""
    if ("write", "*") in grant:
        return True
    asked = request.query
    match request.method, request.path:
        case "POST", "/api/v2/write":
            return ("write", _id(asked["bucket"])) in grant
        case "GET", "/query":
            reads = re.match(r"\s*(SELECT|SHOW)\b", asked["q"], re.IGNORECASE)
            names = (bytes.fromhex(bucket).decode() for right, bucket in grant if right == "read")
            known = {name for name in names if name.startswith(f"{asked['db']}/")}
            wanted = {f"{asked['db']}/{asked['rp']}"} if "rp" in asked else known
            return bool(reads and known) and wanted <= known and ";" not in asked["q"]
        case "GET", "/api/v2/buckets":
            return ("read", _id(asked["name"])) in grant
        case "GET", path if path.startswith("/api/v2/buckets/"):
            return ("read", path.rpartition("/")[2]) in grant
        case _:
            return False


def _tokens(request: web.Request) -> list[str]:
    """Return what the request gives as the token: itself, or as a password."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        return [base64.b64decode(credentials).decode().partition(":")[2]]
    return [credentials]


def _error(status: int, why: str) -> web.Response:
    return web.json_response({"code": HTTPStatus(status).phrase, "message": why}, status=status)


def _bucket(database: str, policy: str, retention_s: int) -> Mapping[str, object]:
    return {
        "id": _id(f"{database}/{policy}"),
        "orgID": ORG_ID,
        "name": f"{database}/{policy}",
        "retentionRules": [{"type": "expire", "everySeconds": retention_s}],
    }


def _id(bucket: str) -> str:
    return bucket.encode().hex()


def _seconds(duration: str) -> int:
    """Read 24h0m0s."""
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"(\d+)([hms])", duration))


if __name__ == "__main__":
    port, upstream, token, user, password = sys.argv[1:]
    gateway = Gateway(upstream, token=token, user=user, password=password)
    web.run_app(
        gateway.app(),
        host="127.0.0.1",
        port=int(port),
        print=lambda _: None,
        access_log=None,
        shutdown_timeout=1.0,
    )
