"""Other libraries beside ours: installed into an environment that is thrown away, fed our frames.

An environment is made in a temporary folder with ``pip``; where that fails the peer is not judged.
"""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.samples import DISTINCT, Sample

PEERS = ("cryptofeed", "ccxt")
INSTALL_AT_MOST_S = 600.0
ANSWER_AT_MOST_S = 120.0
NOWHERE = "http://127.0.0.1:9"
READ_AT_LEAST = 0.9
"""Share of the frames that a peer must read; else it has no such venue or kind."""

LOOPS = Path(__file__).with_name("peer_loops.py")


class Peer:
    """A process in which another library reads frames.

    Args:
        name: Of the library.
        python: The interpreter of the environment that it is installed in.

    """

    def __init__(self, name: str, python: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(  # noqa: S603  # a file of ours
            [python, LOOPS, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=python.parent,
            env={"HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE},  # it is to ask nobody
        )

    def reader(self, sample: Sample) -> Callable[[], float] | None:
        """Return what reads the frames once and tells the microseconds a frame; None: cannot."""
        listings = [
            (listing.instrument.base, listing.instrument.quote_currency, listing.symbol)
            for listing in sample.listings
        ]
        load = {
            "venue": sample.venue.name,
            "kind": sample.kind,
            "instruments": listings,
            "frames": [frame.decode() for frame in sample.frames],
        }
        if self._ask(json.dumps(load)) < DISTINCT * READ_AT_LEAST:
            return None
        return lambda: self._ask("run")

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(ANSWER_AT_MOST_S)

    def _ask(self, line: str) -> float:
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise RuntimeError(f"the process of {self.name} has no pipes")
        asked.write(f"{line}\n")
        asked.flush()
        if not select.select([answers], [], [], ANSWER_AT_MOST_S)[0]:
            raise TimeoutError(f"{self.name} did not answer within {ANSWER_AT_MOST_S:.0f} s")
        return float(answers.readline())


@contextlib.contextmanager
def installed(name: str) -> Iterator[Peer | str]:
    """Install a library and start it; give why not, where it cannot be."""
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        try:
            python = _install(name, Path(folder))
        except (OSError, subprocess.SubprocessError) as error:
            yield f"it cannot be installed: {error}"
            return
        peer = Peer(name, python)
        try:
            yield peer
        finally:
            peer.stop()


def _install(name: str, folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run(  # noqa: S603  # a name of ours
        [python, "-m", "pip", "install", "--quiet", "--no-input", name],
        check=True,
        timeout=INSTALL_AT_MOST_S,
        stdout=sys.stderr,
        stderr=subprocess.DEVNULL,
    )
    return python
