"""The WebSocket transport: `websockets` as the reference, picows where it is installed.

picows speaks the same interface and costs several times less a frame. A certificate is always
checked, against the authorities that the system trusts.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal, Protocol, TypeAlias

from websockets.exceptions import WebSocketException

from market import VenueBusyError
from stream_service.reference_socket import open_reference_socket
from stream_service.refusals import in_words, why_refused

TransportName: TypeAlias = Literal["auto", "websockets", "picows"]

DIAL_TIMEOUT_S = 10.0
PING_EVERY_S = 15.0
"""Keeps the way to quiet venues open. Whether they live is seen by their frames: some answer no
pings, and the answer of a busy one waits behind all that we did not read yet."""

LARGEST_FRAME = 16 * 2**20
USER_AGENT = "CryptoTracker"
"""Who we are: what guards the venues turns requests away that do not say."""

NEXT_ADDRESS_S = 0.25
"""How long the first address of a host has to answer, such as one of IPv6, until the next is tried
beside it."""

FRAMES_WAITING = 1_024
"""Frames that are read ahead; beyond it the venue is held back by TCP."""


class Socket(Protocol):
    """What we need of a WebSocket; it answers pings by itself and pings, awaiting nothing."""

    async def frames(self) -> Sequence[bytes]:
        """Return the next frames: at least one, and all that are there; raises like `recv`."""

    async def recv(self, *, decode: Literal[False]) -> bytes:
        """Return the next frame, text or binary.

        Raises:
            OSError: the connection is over; or one of `socket_errors`.

        """

    async def send(self, message: bytes, text: bool | None = None) -> None:  # noqa: FBT001  # theirs
        """Send one frame; ``text`` says that it is one."""


def installed_transports() -> tuple[TransportName, ...]:
    """Return the transports that can be used here, the fastest first."""
    return ("picows", "websockets") if find_spec("picows") else ("websockets",)


@asynccontextmanager
async def open_socket(
    url: str, *, transport: TransportName = "auto", through_proxy: bool = True
) -> AsyncIterator[Socket]:
    """Connect for as long as the context lasts.

    Args:
        url: ``wss://…``, or ``ws://…`` on this machine.
        transport: auto: the fastest that is installed.
        through_proxy: Whether a proxy that the environment names is used.

    Raises:
        OSError: nobody is there; TimeoutError: nor in time.
        socket_errors: what is there does not speak WebSocket, or refuses to.

    """
    context = _trusted() if url.startswith("wss:") else None
    if transport == "picows" or (transport == "auto" and installed_transports()[0] == "picows"):
        from stream_service.fast_socket import open_fast_socket  # noqa: PLC0415  # an optional extra

        async with open_fast_socket(
            url,
            context=context,
            through_proxy=through_proxy,
            dial_timeout_s=DIAL_TIMEOUT_S,
            ping_every_s=PING_EVERY_S,
            frames_waiting=FRAMES_WAITING,
            largest=LARGEST_FRAME,
            extra_headers={"User-Agent": USER_AGENT},
            happy_eyeballs_delay=NEXT_ADDRESS_S,
        ) as fast:
            yield fast
        return
    async with open_reference_socket(
        url,
        context=context,
        through_proxy=through_proxy,
        dial_timeout_s=DIAL_TIMEOUT_S,
        ping_every_s=PING_EVERY_S,
        frames_waiting=FRAMES_WAITING,
        largest=LARGEST_FRAME,
        user_agent=USER_AGENT,
        next_address_s=NEXT_ADDRESS_S,
    ) as reference:
        yield reference


@cache
def socket_errors() -> tuple[type[Exception], ...]:
    """Return the errors that say that a connection could not be made or is lost."""
    if not find_spec("picows"):
        return (WebSocketException,)
    from picows import WSError  # noqa: PLC0415  # it may not be installed
    from python_socks import ProxyError  # noqa: PLC0415  # it comes with it

    return (WebSocketException, WSError, ProxyError, ConnectionResetError)


def why_lost(error: BaseException | None) -> str:
    """Say why a connection is lost, or was refused with an HTTP status."""
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", getattr(response, "status", None))
    if status is None:
        return in_words(error) if error else ""
    return f"the venue answers the connection with {why_refused(int(status))}"


def asked_to_wait_s(error: BaseException | None) -> float:
    """Return how long a venue that turned us away asks us to wait; 0: it does not."""
    if isinstance(error, VenueBusyError):
        return error.wait_s
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    text = str(headers.get("Retry-After", "")) if headers else ""
    return float(text) if text.isdecimal() else 0.0


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
