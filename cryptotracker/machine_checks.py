"""Settings in, what this machine, the broker and the store are like out."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from api_service.server import bind
from cryptotracker.adapters import open_bus, open_store
from cryptotracker.findings import Finding, checked
from cryptotracker.settings import Settings, embedded_file, shown
from market import Instrument, SettingsError, StoreUnavailableError, Trade

FASTER = ("uvloop", "httptools", "picows")
NEEDS_PYTHON = (3, 11)
LITTLE_BYTES = 1 * 2**30
SCARCE_BYTES = 5 * 2**30
BROKER_WITHIN_S = 10.0
STORE_WITHIN_S = 15.0
CONNECT_WITHIN_S = 5.0

NAME = "doctor"
INSTRUMENT = Instrument("DOCTOR", "CHECK")


async def machine_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Check one thing after the other."""
    yield _python()
    yield Finding("settings", "ok", f"{settings.mode}; `cryptotracker settings` shows them")
    for folder in _folders(settings):
        yield _writable(folder)
        yield _disk(folder)
    yield _port(settings)
    patient = settings.model_copy(update={"connect_timeout_s": CONNECT_WITHIN_S})
    url = shown(settings.bus_url)
    if settings.is_distributed:
        remedy = "start the broker, or correct CRYPTOTRACKER_BUS_URL"
        yield await checked(f"broker {url}", _broker(patient), remedy, within_s=BROKER_WITHIN_S)
    else:
        yield Finding("broker", "ok", f"none is needed, the bus is {url}")
    yield await checked(
        f"store {shown(settings.store_url)}",
        _store(patient),
        "start it, end what uses it, or correct CRYPTOTRACKER_STORE_URL",
        within_s=STORE_WITHIN_S,
    )


def _python() -> Finding:
    there = [name for name in FASTER if find_spec(name)]
    missing = [name for name in FASTER if name not in there]
    text = f"{platform.python_version()}, faster by {', '.join(there) or 'nothing'}"
    if sys.version_info < NEEDS_PYTHON:
        return Finding("python", "failed", text, "install Python 3.11 or later")
    if missing:
        remedy = f"pip install {' '.join(missing)}, or the extra cryptotracker[fast]"
        return Finding("python", "warning", f"{text}; without {', '.join(missing)}", remedy)
    return Finding("python", "ok", text)


def _folders(settings: Settings) -> list[Path]:
    """Return the folders that are written to, each once."""
    file = embedded_file(settings) if settings.store_url.startswith("duckdb:") else None
    return list(dict.fromkeys([settings.state_folder, *([file.parent] if file else [])]))


def _writable(folder: Path) -> Finding:
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with NamedTemporaryFile(dir=there):
            return Finding(f"folder {folder}", "ok", "it can be written to")
    except OSError as error:
        remedy = f"let {os.environ.get('USER') or 'this user'} write to {there}"
        return Finding(f"folder {folder}", "failed", str(error.strerror), remedy)


def _disk(folder: Path) -> Finding:
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 2**30:,.1f} GiB free"
    state = "ok" if free >= SCARCE_BYTES else "warning" if free >= LITTLE_BYTES else "failed"
    return Finding(f"disk of {folder}", state, text, "make room, or name another folder")  # type: ignore[arg-type]  # one of the three


def _port(settings: Settings) -> Finding:
    name = f"port {settings.port}"
    try:
        with bind(settings.host, settings.port):
            return Finding(name, "ok", f"it is free on {settings.host}")
    except SettingsError as error:
        return Finding(name, "failed", str(error), "or let that program go on: it may be ours")


async def _broker(settings: Settings) -> str:
    """Publish into a queue of our own, wait until it is confirmed and read it back."""
    began = time.monotonic()
    async with open_bus(settings) as bus, bus.probing() as check:
        await check()
    took_ms = (time.monotonic() - began) * 1e3
    return f"published, confirmed and read back within {took_ms:.0f} ms"


async def _store(settings: Settings) -> str:
    """See whether the store works; a file is opened, and another beside it is written to.

    Raises:
        StoreUnavailableError: what was written does not come back.

    """
    file = embedded_file(settings) if settings.store_url.startswith("duckdb:") else None
    if file is None:
        return await _written(settings)
    async with open_store(settings):
        folder = TemporaryDirectory(prefix=f"{NAME}-", dir=file.parent)
    with folder as beside:
        return await _written(settings.model_copy(update={"store_url": f"duckdb:{beside}/store"}))


async def _written(settings: Settings) -> str:
    """Write a trade that no venue made and read it back."""
    now_ns = time.time_ns()
    trade = Trade(
        venue=NAME,
        instrument=INSTRUMENT,
        trade_id=str(now_ns),
        side="buy",
        price=1.0,
        size=1.0,
        event_ns=now_ns,
        received_ns=now_ns,
        sequence=now_ns,
    )
    async with open_store(settings) as store:
        await store.write([trade])
        found = await store.trades(NAME, INSTRUMENT, start_ns=now_ns, end_ns=now_ns + 1, limit=1)
    if list(found) != [trade]:
        raise StoreUnavailableError("what was written does not come back")
    return f"written and read back within {(time.time_ns() - now_ns) / 1e6:.0f} ms"
