"""Runs a system as a process: event loop, signals, watchdog, exit status."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn

import structlog

from api_service.server import bind
from cryptotracker.compose import (
    STOP_WITH_SERVERS_WITHIN_S,
    STOP_WITHIN_S,
    Role,
    System,
)
from cryptotracker.panel import Panel, PlainPanel
from cryptotracker.preflight import require_a_venue
from cryptotracker.settings import Settings, secrets_of
from infrastructure.log import configure_logging, take_over_the_rest, tell_end
from market import CryptoTrackerError, PortError, SettingsError

log = structlog.get_logger()

FLUSH_WITHIN_S = 0.2
"""How long whoever reads standard output may hold up the end of a process that hangs."""

GIVE_WAY: frozenset[Role] = frozenset({"store", "refresh"})
"""What works in batches and may wait a moment, where others on the same cores may not."""

NICENESS = 5

EXIT_TROUBLE, EXIT_USAGE, EXIT_PORT, EXIT_DEPENDENCY, EXIT_INTERRUPTED = 1, 2, 3, 4, 130


def run_system(
    settings: Settings,
    roles: frozenset[Role],
    *,
    panel: bool = False,
    fault_every_s: float | None = None,
) -> None:
    """Run until a signal comes, then end the process: 130 after Ctrl-C, 0 after SIGTERM.

    Args:
        settings: What an operator can change.
        roles: What this process does.
        panel: Whether standard output shows how it does.
        fault_every_s: See `System`.

    Raises:
        CryptoTrackerError: it cannot start, or gave up; the text says why and what to do.

    """
    quiet = panel and "log_level" not in settings.model_fields_set
    configure_logging(
        "warning" if quiet else settings.log_level,
        settings.log_format,
        process=next(iter(roles)) if len(roles) == 1 else "all",
        secrets=secrets_of(settings),
    )
    take_over_the_rest()
    if roles <= GIVE_WAY:
        _give_way()
    patience_s = STOP_WITH_SERVERS_WITHIN_S if settings.is_distributed else STOP_WITHIN_S
    work = _system(settings, roles, panel=panel, fault_every_s=fault_every_s)
    _leave(run_until_stopped(work, within_s=patience_s))


def _give_way() -> None:
    """Have the other processes of the machine come first where the cores do not do for all."""
    with suppress(AttributeError, OSError):  # not there, or not allowed: then all are equal
        os.nice(NICENESS)


def run_until_stopped(work: Coroutine[Any, Any, None], *, within_s: float = STOP_WITHIN_S) -> int:
    """Run ``work`` to its end or until a signal comes; return the exit status.

    Args:
        work: Is cancelled by the first signal; those that follow change nothing, since some send
            a process two of them.
        within_s: A work that has not ended so long after it is ended with the process.

    Raises:
        CryptoTrackerError: the first that the work raised.

    """
    stopped_by: list[signal.Signals] = []
    failure: BaseException | None = None
    try:
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(_until_stopped(work, stopped_by, within_s=within_s))
    except* CryptoTrackerError as errors:
        failure = _first(errors)
    if failure is not None:
        raise failure
    return EXIT_INTERRUPTED if signal.SIGINT in stopped_by else 0


async def run_shown(system: System) -> None:
    """Run a system, and show on standard output how it does."""
    settings = system.settings
    shown = Panel(settings) if sys.stdout.isatty() else PlainPanel(settings)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(system.run(shown.show))
        tasks.create_task(shown.run())


async def _system(
    settings: Settings, roles: frozenset[Role], *, panel: bool, fault_every_s: float | None
) -> None:
    if settings.mode == "live" and "stream" in roles:
        await require_a_venue(settings)
    listener = listener_of(settings, roles)
    system = System(settings, roles, listener=listener, fault_every_s=fault_every_s)
    await (run_shown(system) if panel else system.run())


def listener_of(settings: Settings, roles: frozenset[Role]) -> socket.socket | None:
    """Take the API's port before anything else is started; None: the API is not among the roles.

    Raises:
        PortError: the port is taken.

    """
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
        if stopped_by:
            return
        stopped_by.append(number)
        task.cancel()
        _arm_watchdog(loop, EXIT_INTERRUPTED if number is signal.SIGINT else 0, within_s)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped_by:
            raise


def _leave(status: int) -> NoReturn:
    """End the process as it is: to take apart what it had takes seconds, for nothing."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # whoever read it went away
            stream.flush()
    os._exit(status)


def _arm_watchdog(loop: asyncio.AbstractEventLoop, status: int, within_s: float) -> None:
    def end() -> None:
        late = sorted(_names_of_tasks(loop))
        why = f" ({', '.join(late)} did not end)" if late else ""
        tell_end(f"did not stop within {within_s:g} s{why}; ended.")
        flushing = threading.Thread(target=sys.stdout.flush, daemon=True)
        flushing.start()
        flushing.join(FLUSH_WITHIN_S)
        os._exit(status)

    timer = threading.Timer(within_s, end)
    timer.daemon = True
    timer.start()


def _names_of_tasks(loop: asyncio.AbstractEventLoop) -> set[str]:
    """Return the names of the tasks that run still, of those that were given one."""
    names = {task.get_name() for task in asyncio.all_tasks(loop)}
    return {name for name in names if not name.startswith("Task-")}


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
