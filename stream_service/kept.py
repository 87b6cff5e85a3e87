"""What a stream remembers over a restart: one small file, replaced whole or not at all."""

from pathlib import Path

import structlog

log = structlog.get_logger()


class KeptFile:
    """Reads and writes one file; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_failing = False

    def read(self) -> bytes:
        """Return what was written last; nothing where there is no such file."""
        try:
            return self._path.read_bytes() if self._path else b""
        except FileNotFoundError:
            return b""
        except OSError as error:
            log.warning("state.not_read", path=str(self._path), why=str(error))
            return b""

    def write(self, body: bytes) -> None:
        """Write the file so that a crash leaves the old one or the new one.

        A disk that takes nothing is told once: without the file a restart back-fills less, nothing
        else stops.
        """
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            beside.write_bytes(body)
            beside.replace(self._path)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                log.warning("state.not_written", path=str(self._path), why=str(error))
            self._is_failing = True
