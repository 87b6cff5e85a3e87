"""The floor under the bus: a C program (``bus_floor.c``) is compiled where that can be done."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("bus_floor.c")
HEADER = Path("/usr/include/amqp.h")
COMPILE_WITHIN_S = 60.0


@contextmanager
def compiled_floor() -> Iterator[Path | str]:
    """Give the program for as long as the context lasts, or why there is none."""
    if (compiler := shutil.which("gcc")) is None:
        yield "gcc is missing: apt-get install gcc"
        return
    if not HEADER.exists():
        yield f"{HEADER} is missing: apt-get install librabbitmq-dev"
        return
    with tempfile.TemporaryDirectory(prefix="bus-floor-") as folder:
        program = Path(folder) / "bus_floor"
        done = subprocess.run(  # noqa: S603  # the path that which() found, a file of ours
            [compiler, "-O2", "-Wall", "-o", program, SOURCE, "-lrabbitmq"],
            capture_output=True,
            text=True,
            timeout=COMPILE_WITHIN_S,
            check=False,
        )
        yield program if done.returncode == 0 else f"it does not compile: {done.stderr.strip()}"
