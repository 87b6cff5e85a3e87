"""A venue in, whether it can be reached, understood and trusted for the time out."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from cryptotracker.choice import missing_credentials
from cryptotracker.findings import Finding, checked
from market import FrameError, Instrument, Listing, VenueRefusedError
from stream_service.one_call import OneCall
from stream_service.polled import PolledVenue
from stream_service.rest import UNANSWERED, VenueRest
from stream_service.transport import open_socket, socket_errors, why_lost
from stream_service.venue import Options, Session, Venue
from stream_service.venue_clock import VenueClock

REACHED_WITHIN_S = 10.0
HEARD_WITHIN_S = 15.0
CLOCK_OFF_NS = 1_000_000_000
EXPIRES_SOON_S = 14 * 86_400.0
UNHEARD: tuple[type[Exception], ...] = (
    OSError,
    FrameError,
    VenueRefusedError,
    *UNANSWERED,
    *socket_errors(),
)
NETWORK = "look at the internet connection, the firewall and the proxy settings"
SERVICE = "the venue may be away or refuse this country; see its status page"


async def venue_findings(venue: Venue | PolledVenue, wanted: Sequence[Instrument]) -> list[Finding]:
    """Check addresses, then what is heard there; what cannot be reached is not listened to.

    Behind a proxy only its own address can be checked.
    """
    if missing := missing_credentials(venue):
        names = [f"CRYPTOTRACKER_CREDENTIALS__{venue.name}__{one}".upper() for one in missing]
        lacks = f"{' and '.join(missing)} missing"
        return [Finding(f"{venue.name} key", "failed", lacks, f"set {' and '.join(names)}")]
    urls = [venue.rest_url, *venue.other_rest_urls.values()]
    if isinstance(venue, Venue):
        urls.insert(0, venue.websocket_url)
    proxy = "" if venue.is_simulated else getproxies().get("https", "")
    addresses = dict.fromkeys(filter(None, map(_address, [proxy] if proxy else urls)))
    found = list(await asyncio.gather(*(_reached(venue.name, *one) for one in addresses)))
    if any(one.state == "failed" for one in found):
        return found
    if isinstance(venue, PolledVenue):
        return [*found, await _answering(venue, wanted)]
    return [*found, *await _speaking(venue, wanted)]


async def _reached(venue: str, host: str, port: int, is_secure: bool) -> Finding:  # noqa: FBT001  # a part of the address
    check = _connect(host, port, is_secure=is_secure)
    return await checked(f"{venue} {host}:{port}", check, NETWORK, within_s=REACHED_WITHIN_S)


async def _connect(host: str, port: int, *, is_secure: bool) -> str:
    """Resolve the name, connect, shake hands; say who vouches for the venue and how long."""
    context = ssl.create_default_context() if is_secure else None
    loop = asyncio.get_running_loop()
    [(*_, address), *_] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    started = loop.time()
    _, writer = await asyncio.open_connection(
        str(address[0]), port, ssl=context, server_hostname=host if is_secure else None
    )
    took_ms = (loop.time() - started) * 1e3
    certificate = writer.get_extra_info("peercert")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    vouched = f", {_vouched(certificate)}" if certificate else ""
    return f"connected to {address[0]} within {took_ms:.0f} ms{vouched}"


def _vouched(certificate: dict[str, Any]) -> str:
    issuer = {key: value for part in certificate["issuer"] for key, value in part}
    left_s = ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()
    soon = ", SOON" if left_s < EXPIRES_SOON_S else ""
    who = issuer.get("organizationName") or issuer.get("commonName", "nobody by name")
    return f"vouched for by {who} until {certificate['notAfter']}{soon}"


async def _answering(venue: PolledVenue, wanted: Sequence[Instrument]) -> Finding:
    """Make one call of a polled service, which counts as one."""

    async def call() -> str:
        poller = venue.poller([one for one in wanted if venue.covers(one)])
        wish = next(iter(poller.wishes()), None)
        if wish is None:
            return "it covers none of the instruments that are followed"
        async with OneCall(venue) as calls:
            body = await calls.body(wish.request)
        events = poller.answered(wish.request, body, time.time_ns())
        return f"it answers, {len(events)} figures"

    return await checked(f"{venue.name} answer", call(), SERVICE, within_s=HEARD_WITHIN_S)


async def _speaking(venue: Venue, wanted: Sequence[Instrument]) -> list[Finding]:
    """Subscribe to one instrument until an event comes; look at the venue's clock on the way."""
    clock = VenueClock()

    async def listen() -> str:
        started = time.monotonic()
        try:
            what = await _first_event(venue, wanted, clock)
        except UNHEARD as error:
            raise VenueRefusedError(why_lost(error)) from error
        keys = ", the key is accepted" if venue.credentials else ""
        return f"{what} came after {time.monotonic() - started:.1f} s{keys}"

    heard = await checked(f"{venue.name} stream", listen(), SERVICE, within_s=HEARD_WITHIN_S)
    return [heard, _clock(venue.name, clock)]


async def _first_event(venue: Venue, wanted: Sequence[Instrument], clock: VenueClock) -> str:
    async with VenueRest(venue, clock.http_date) as rest:
        offered = await rest.dialogue(venue.list_instruments(venue))
        listing = _one_of(offered, wanted)
        session = venue.session([listing], Options(keys=venue.keys))
        url = await rest.dialogue(venue.dial(venue, [listing]))
        async with open_socket(url, through_proxy=not venue.is_simulated) as stream:
            session.opened()
            while True:
                for frame in session.outgoing():
                    await stream.send(frame, text=True)
                frame = await stream.recv(decode=False)
                if kinds := _kinds(session, frame):
                    return f"the first {kinds} of {listing.instrument}"


def _kinds(session: Session, frame: bytes) -> str:
    events = session.receive(frame, time.time_ns())
    return " and ".join(dict.fromkeys(type(event).__name__.lower() for event in events))


def _one_of(offered: Iterable[Listing], wanted: Sequence[Instrument]) -> Listing:
    """Return a listing that is traded, of what is followed if there is one."""
    traded = {one.instrument: one for one in offered if one.trading}
    followed = [traded[one] for one in wanted if one in traded]
    if not traded:
        raise VenueRefusedError("it lists nothing that is traded")
    return followed[0] if followed else next(iter(traded.values()))


def _clock(venue: str, clock: VenueClock) -> Finding:
    name = f"{venue} clock"
    if clock.error_ns is None:
        return Finding(name, "warning", "it tells no time", "")
    text = f"{clock.offset_ns / 1e9:+.1f} s from ours, give or take {clock.error_ns / 1e9:.1f} s"
    is_off = abs(clock.offset_ns) > CLOCK_OFF_NS + clock.error_ns
    return Finding(name, "warning" if is_off else "ok", text, "set this machine's clock by NTP")


def _address(url: str) -> tuple[str, int, bool] | None:
    """Return host, port and whether it is TLS; None: the venue tells it only when it is asked."""
    parts = urlsplit(url)
    if not parts.hostname:
        return None
    is_secure = parts.scheme in ("wss", "https")
    return parts.hostname, parts.port or (443 if is_secure else 80), is_secure
