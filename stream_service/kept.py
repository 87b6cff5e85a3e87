"""What a stream remembers over a restart: one small file, replaced whole or not at all."""

import os
from pathlib import Path

import structlog

log = structlog.get_logger()


def read_kept(path: Path | None) -> bytes:
    """Return what was written last; nothing where there is no such file."""
    try:
        return path.read_bytes() if path else b""
    except FileNotFoundError:
        return b""
    except OSError as error:
        log.warning("state.not_read", path=str(path), why=str(error))
        return b""


def write_kept(path: Path | None, body: bytes) -> None:
    """Write the file so that a crash leaves the old one or the new one."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_bytes(body)
        os.replace(beside, path)  # noqa: PTH105  # the same
    except OSError as error:  # without it a restart back-fills less; nothing else stops
        log.warning("state.not_written", path=str(path), why=str(error))
