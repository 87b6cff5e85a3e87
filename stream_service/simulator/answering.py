"""How a server of WebSockets answers plain requests: a status and a body in, a response out."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response


class AnyMethod(ServerConnection):
    """Takes a POST for a GET: the library reads no other, and no venue here needs the body."""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol.data_received`."""
        if data.startswith(b"POST "):
            head, end, _body = data.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            kept = [line for line in lines if not line.lower().startswith(b"content-")]
            data = b"\r\n".join(kept).replace(b"POST ", b"GET ", 1) + end
        super().data_received(data)


def response(
    status: HTTPStatus, body: bytes, *, retry_after: str = "", date_ns: int | None = None
) -> Response:
    """Make a response; ``date_ns`` is what the server takes the time for, None: it does not say."""
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    if date_ns is not None:
        headers["Date"] = formatdate(date_ns // 1_000_000_000, usegmt=True)
    if retry_after:
        headers["Retry-After"] = retry_after
    return Response(status.value, status.phrase, headers, body)
