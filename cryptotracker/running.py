"""Runs a system as a process: event loop, signals, watchdog, exit status."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from api_service.server import bind
from cryptotracker.compose import Role, System
from cryptotracker.panel import Panel, PlainPanel
from cryptotracker.preflight import require_a_venue
from cryptotracker.settings import Settings
from infrastructure.log import configure_logging
from market import CryptoTrackerError, SettingsError

log = structlog.get_logger()

EXIT_TROUBLE, EXIT_USAGE, EXIT_PORT, EXIT_DEPENDENCY, EXIT_INTERRUPTED = 1, 2, 3, 4, 130
STOP_WITHIN_S = 2.5
STOP_WITH_SERVERS_WITHIN_S = 8.0
"""Where events may wait for a broker to confirm them."""


class PortError(SettingsError):
    """The port of the API cannot be listened on."""


def run_system(settings: Settings, roles: frozenset[Role], *, panel: bool = False) -> None:
    """Run until a signal comes, then exit: 130 after Ctrl-C, 0 after SIGTERM.

    Raises:
        CryptoTrackerError: it cannot start, or gave up; the text says why and what to do.

    """
    quiet = panel and "log_level" not in settings.model_fields_set
    configure_logging("warning" if quiet else settings.log_level, settings.log_format)
    stopped_by: list[signal.Signals] = []
    failure: BaseException | None = None
    patience_s = STOP_WITH_SERVERS_WITHIN_S if settings.is_distributed else STOP_WITHIN_S
    try:
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            work = _system(settings, roles, panel=panel)
            runner.run(_until_stopped(work, stopped_by, within_s=patience_s))
    except* CryptoTrackerError as errors:
        failure = _first(errors)
    if failure is not None:
        raise failure
    sys.exit(EXIT_INTERRUPTED if signal.SIGINT in stopped_by else 0)


async def _system(settings: Settings, roles: frozenset[Role], *, panel: bool) -> None:
    if settings.mode == "live" and "stream" in roles:
        await require_a_venue(settings)
    system = System(settings, roles, listener=_listener(settings, roles))
    if not panel:
        await system.run()
        return
    shown = Panel(settings) if sys.stdout.isatty() else PlainPanel(settings)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(system.run(shown.show))
        tasks.create_task(shown.run())


def _listener(settings: Settings, roles: frozenset[Role]) -> socket.socket | None:
    """Take the API's port before anything else is started."""
    if "serve" not in roles:
        return None
    try:
        return bind(settings.host, settings.port)
    except SettingsError as error:
        raise PortError(str(error)) from error


async def _until_stopped(
    work: Coroutine[Any, Any, None], stopped_by: list[signal.Signals], *, within_s: float
) -> None:
    """Run ``work``; the first signal cancels it, and a watchdog ends the process if that hangs."""
    task = asyncio.ensure_future(work)

    def stop(number: signal.Signals) -> None:
        stopped_by.append(number)
        task.cancel()
        _arm_watchdog(EXIT_INTERRUPTED if number is signal.SIGINT else 0, within_s)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped_by:
            raise


def _arm_watchdog(status: int, within_s: float) -> None:
    def end() -> None:
        sys.stderr.write(f"cryptotracker: did not stop within {within_s:g} s; ended.\n")
        sys.stderr.flush()
        os._exit(status)

    timer = threading.Timer(within_s, end)
    timer.daemon = True
    timer.start()


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  # an optional extra
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
