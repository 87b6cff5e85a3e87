"""Sets up structlog: one event a line with its fields; for people on a terminal, JSON elsewhere.

As JSON every line is an object with ``time``, ``level``, ``event`` and ``process``, whoever writes
it: also libraries that log by the standard library, warnings of Python, and an error that nobody
caught. No line holds a secret that was named here, whatever it is part of.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Literal, TypeAlias
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat: TypeAlias = Literal["auto", "human", "json"]

MASK = "********"
FORMAT_VARIABLE = "CRYPTOTRACKER_LOG_FORMAT"

SHORTEST_SECRET = 4
"""Characters; less is no secret, and to mask it would make lines unreadable."""

NOISY = ("aio_pika", "aiormq", "websockets", "httpx2", "httpcore2", "uvicorn")
"""Libraries whose faults we tell ourselves."""


def configure_logging(
    level: str,
    log_format: LogFormat = "auto",
    *,
    process: str = "cryptotracker",
    secrets: Iterable[str] = (),
) -> None:
    """Write events of ``level`` and above to standard error.

    Args:
        level: Name of a level, such as "info".
        log_format: "auto" is "human" on a terminal and "json" elsewhere.
        process: What this process does; told in each line of JSON.
        secrets: What no line may hold.

    """
    human = log_format == "human" or (log_format == "auto" and sys.stderr.isatty())
    masked = _Masked(_human() if human else _json_line, secrets)
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp" if human else "time"),
    ]
    if not human:
        common += [_Named(process), structlog.processors.format_exc_info]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*common, masked],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_to_standard_error,
        cache_logger_on_first_use=False,
    )
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def take_over_the_rest() -> None:
    """Have what the standard library logs, warnings and uncaught errors be lines like our own.

    For a process that is ours alone, after `configure_logging`.
    """
    *common, masked = structlog.get_config()["processors"]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=common,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, masked],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _tell_uncaught
    threading.excepthook = _tell_uncaught_in_thread


def tell_end(text: str) -> None:
    """Write the last words of a process: a sentence, or a line of JSON where that is asked for."""
    if os.environ.get(FORMAT_VARIABLE, "").lower() != "json":
        sys.stderr.write(f"cryptotracker: {text}\n")
        sys.stderr.flush()
        return
    if not structlog.is_configured():
        configure_logging("info", "json")
    structlog.get_logger().critical("process.ended", why=text)


class _Named:
    """Adds what the process does."""

    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        event["process"] = self._process
        return event


class _Masked:
    """Renders a line, and puts a mask where a secret is in it, however it is spelled there."""

    def __init__(self, render: Processor, secrets: Iterable[str]) -> None:
        self.render = render
        spelled = {
            form
            for secret in secrets
            if len(secret) >= SHORTEST_SECRET
            for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
        }
        self._secrets = sorted(spelled, key=len, reverse=True)

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        line = str(self.render(logger, name, event))
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, MASK)
        return line


def _human() -> Processor:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


_render_json = structlog.processors.JSONRenderer()


def _json_line(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """Render an event with what every line has at its beginning."""
    first = {key: event.pop(key) for key in ("time", "level", "event", "process") if key in event}
    return str(_render_json(logger, name, {**first, **event}))


def _tell_uncaught(
    _kind: type[BaseException], error: BaseException, _traceback: TracebackType | None
) -> None:
    structlog.get_logger().critical("process.failed", exc_info=error)


def _tell_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    structlog.get_logger().critical("thread.failed", exc_info=arguments.exc_value)


def _to_standard_error(*_args: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
