"""Tokens of InfluxDB that open no more than they must: made with the token that opens all.

See https://docs.influxdata.com/influxdb/v2/admin/tokens/create-token/. InfluxDB chooses what a
token is, tells it once, and from 2.9 on keeps only its hash; so who needs it has to keep it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Literal, TypeAlias

import httpx2
import msgspec
import structlog

from market import StoreUnavailableError

Right: TypeAlias = Literal["read", "write"]

PREFIX = "cryptotracker: "
"""Begins the description of each token of ours."""

log = structlog.get_logger()


class InfluxTokens:
    """Makes tokens for a few buckets, and finds out whether one still opens them."""

    def __init__(self, server: httpx2.Client, token: str, buckets: Sequence[str]) -> None:
        self._server = server
        self._token = token
        self._names = buckets

    def renewed(self, whose: str, token: str, rights: Sequence[Right]) -> str:
        """Return ``token`` if it opens the buckets, else a new one in place of all others of his.

        Raises:
            StoreUnavailableError: the server does not answer, or turns us down.

        """
        buckets = [self._bucket(name) for name in self._names]
        if token and all(self._opens(token, bucket) for bucket in buckets):
            return token
        for old in self._read("GET", "authorizations").authorizations:
            if old.description == f"{PREFIX}{whose}":
                self._ask("DELETE", f"authorizations/{old.id}")
        made = self._read("POST", "authorizations", body=_wanted(whose, buckets, rights))
        log.info("token.made", whose=whose, rights=",".join(rights))
        return made.token

    def _bucket(self, name: str) -> _Bucket:
        found = self._read("GET", "buckets", {"name": name}).buckets
        if not found:
            raise StoreUnavailableError(f"InfluxDB has no bucket {name}, or it was just deleted")
        return found[0]

    def _opens(self, token: str, bucket: _Bucket) -> bool:
        """Tell whether the bucket shows itself to who has the token."""
        answer = self._ask("GET", f"buckets/{bucket.id}", token=token)
        return answer.status_code == HTTPStatus.OK

    def _read(
        self, method: str, path: str, asked: Mapping[str, str] | None = None, body: object = None
    ) -> _Reply:
        answer = self._ask(method, path, asked, body)
        if answer.is_error:
            raise self._turned_down(answer)
        try:
            return msgspec.json.decode(answer.content, type=_Reply)
        except msgspec.DecodeError as error:
            raise StoreUnavailableError(
                f"what answers at {self._server.base_url} is no InfluxDB ({error})"
            ) from error

    def _ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        body: object = None,
        *,
        token: str = "",
    ) -> httpx2.Response:
        opens = {"Authorization": f"Token {token or self._token}"}
        try:
            answer = self._server.request(method, path, params=asked, json=body, headers=opens)
        except httpx2.HTTPError as error:
            raise StoreUnavailableError(
                f"InfluxDB at {self._server.base_url} does not answer ({error!r}); is it running?"
            ) from error
        if answer.is_server_error:
            raise self._turned_down(answer)
        return answer

    def _turned_down(self, answer: httpx2.Response) -> StoreUnavailableError:
        remedy = "look into its log"
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            remedy = "its data were set up with another token than the one given here: give that"
        return StoreUnavailableError(
            f"InfluxDB at {self._server.base_url} answers {answer.status_code} "
            f"{answer.text[:200]!r}; {remedy}"
        )


@contextmanager
def influx_tokens(url: str, *, token: str, buckets: Sequence[str]) -> Iterator[InfluxTokens]:
    """Connect with a token that may make others."""
    with httpx2.Client(base_url=f"{url}/api/v2", timeout=10, trust_env=False) as server:
        yield InfluxTokens(server, token, buckets)


def _wanted(whose: str, buckets: Sequence[_Bucket], rights: Sequence[Right]) -> object:
    return {
        "description": f"{PREFIX}{whose}",
        "orgID": buckets[0].org_id,
        "permissions": [
            {
                "action": right,
                "resource": {"type": "buckets", "id": bucket.id, "orgID": bucket.org_id},
            }
            for bucket in buckets
            for right in rights
        ],
    }


class _Bucket(msgspec.Struct, rename={"org_id": "orgID"}):
    id: str
    org_id: str


class _Authorization(msgspec.Struct):
    id: str
    description: str = ""


class _Reply(msgspec.Struct):
    """What the v2 API says; which of it is there depends on what was asked."""

    buckets: list[_Bucket] = []
    authorizations: list[_Authorization] = []
    token: str = ""
