"""Dead letters in a file of JSON lines: appended, bounded, read by other processes and later ones.

Once the file is full it becomes ``<name>.1`` in place of the one before, and a new one is begun.
Each line is a `DeadLetter`, its bytes in base64. A line that a crash cut short is skipped.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from infrastructure.bus.port import DeadLetter

LIMIT_BYTES = 16 * 1024**2

log = structlog.get_logger()

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(DeadLetter)


class LetterFile:
    """Appends. A disk that fails is said once; nobody is held up by it."""

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._is_begun = False
        self._fails = False

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters, whole lines at once."""
        lines = [_encode(letter) for letter in letters]
        try:
            self._write(b"".join(b"%s\n" % line for line in lines))
        except OSError as error:
            if not self._fails:
                log.error("dead_letters.not_written", path=str(self.path), why=str(error))  # noqa: TRY400  # said in full
            self._fails = True
        else:
            self._fails = False

    def newest(self, at_most: int) -> list[DeadLetter]:
        """Return the newest letters, oldest first."""
        lines = deque(self._lines(), maxlen=at_most)
        return [letter for line in lines if (letter := _read(line)) is not None]

    def _write(self, text: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            at = file.tell()
            if at and not self._is_begun:
                text = b"\n" + text  # the last line may have been cut short
            file.write(text)
        self._is_begun = True
        if at + len(text) > self._limit_bytes:
            self.path.replace(_old(self.path))

    def _lines(self) -> Iterator[bytes]:
        for path in (_old(self.path), self.path):
            try:
                with path.open("rb") as file:
                    yield from (line for line in file if line.strip())
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("dead_letters.not_read", path=str(path), why=str(error))


def _old(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _read(line: bytes) -> DeadLetter | None:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        log.warning("dead_letter.unreadable", why=str(error))
        return None
