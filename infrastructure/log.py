"""Sets up structlog: one event a line with its fields; for people on a terminal, JSON elsewhere."""

import logging
import sys
from typing import Literal, TypeAlias

import structlog

LogFormat: TypeAlias = Literal["auto", "human", "json"]


def configure_logging(level: str, log_format: LogFormat = "auto") -> None:
    """Write events of ``level`` and above to standard error.

    Args:
        level: Name of a level, such as "info".
        log_format: "auto" is "human" on a terminal and "json" elsewhere.

    """
    human = log_format == "human" or (log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if human
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if human else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=_to_standard_error,
        cache_logger_on_first_use=False,
    )
    for noisy in ("aio_pika", "aiormq", "websockets", "httpx2", "httpcore2", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _to_standard_error(*_args: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
