"""From a port to the process that listens on it, where the system shows it."""

from collections.abc import Iterator
from pathlib import Path

LISTENING = "0A"


def owner_of(port: int, proc: Path = Path("/proc")) -> str:
    """Name the process that listens on ``port``, such as ``python (pid 4242)``."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    for process in proc.glob("[0-9]*") if sockets else ():
        if sockets & set(_open_files(process)):
            name = (process / "comm").read_text().strip()
            return f"{name} (pid {process.name})"
    return "another program"


def _inodes(port: int, proc: Path) -> Iterator[str]:
    for table in (proc / "net/tcp", proc / "net/tcp6"):
        lines = table.read_text().splitlines()[1:] if table.is_file() else []
        for line in lines:
            _, local, _, state, *rest = line.split()
            if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                yield rest[5]


def _open_files(process: Path) -> Iterator[str]:
    """Return what a process has open; nothing where we may not look or it has just ended."""
    try:
        files = list((process / "fd").iterdir())
    except OSError:
        return
    for file in files:
        try:
            yield str(file.readlink())
        except OSError:
            continue
