"""What was spent of a budget, in a small file that outlives the process."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import structlog

from stream_service.budget import Spent

log = structlog.get_logger()

_spent = msgspec.json.Decoder(Spent)


class BudgetFile:
    """Reads and writes one file, ``NAME.budget.json``; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = None if folder is None else folder / f"{name}.budget.json"
        self._is_failing = False

    def read(self) -> Spent | None:
        """Return what was spent; None: nobody knows."""
        if self._path is None:
            return None
        try:
            return _spent.decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("budget.unreadable", file=str(self._path), why=str(error))
            return None

    def write(self, spent: Spent) -> None:
        """Keep what was spent, all of it or nothing; a disk that takes nothing is told once."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".tmp")
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(spent))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                log.warning("budget.not_kept", file=str(self._path), why=str(error))
            self._is_failing = True
