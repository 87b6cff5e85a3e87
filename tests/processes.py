"""Services as processes of their own: started, killed, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

ROOT = Path(__file__).parent.parent


class Service:
    """One ``cryptotracker`` command as a child process; it keeps its state beside its log.

    ``within`` is what the command is put behind to run on another host.
    """

    def __init__(
        self,
        *command: str,
        settings: Mapping[str, str],
        log: Path,
        within: Sequence[str] = (),
        module: str = "cryptotracker",
    ) -> None:
        self.command = command
        self._module = module
        self._within = within
        self.log = log
        given = {"state_dir": str(log.parent / "state"), **settings}
        self._environment = os.environ | {
            f"CRYPTOTRACKER_{name.upper()}": value for name, value in given.items()
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Process id while it runs."""
        if self._process is None:
            raise RuntimeError(f"{self.command} is not running")
        return self._process.pid

    async def start(self) -> None:
        """Start it; its output goes to the log file."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._within,
                sys.executable,
                "-m",
                self._module,
                *self.command,
                cwd=ROOT,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """End it without a chance to clean up, as a crash would."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit status."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(number)
        process, self._process = self._process, None
        try:
            async with asyncio.timeout(20):
                return await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise

    def resident_bytes(self) -> int:
        """Return the memory that it holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-lines:])


async def until_ready(port: int, service: Service, *, within_s: float = 60.0) -> None:
    """Return when the API says that it is ready; fail with the service's log if it never does."""
    url = f"http://127.0.0.1:{port}/readyz"
    async with httpx2.AsyncClient(trust_env=False) as http:
        for _ in range(int(within_s / 0.1)):
            try:
                if (await http.get(url)).status_code == httpx2.codes.OK:
                    return
            except httpx2.HTTPError:
                pass  # it does not listen yet
            await asyncio.sleep(0.1)
    raise TimeoutError(f"the API is not ready after {within_s:g} s:\n{service.tail()}")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
