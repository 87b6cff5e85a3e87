"""A private InfluxDB: Debian's influxd in a folder of its own, behind InfluxDB 2's API."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
USER = "tests"

CONFIG = """
reporting-enabled = false
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http_port}"
  auth-enabled = true
  log-enabled = false
"""


class InfluxServer:
    """Starts, stops and kills one server; what it stored is there when it is started again.

    The API in front of it stays up meanwhile and answers 503.

    Args:
        folder: Where it keeps all that it has; None: in one of its own, which goes with it.

    """

    org = "tests"

    def __init__(self, folder: Path | None = None) -> None:
        self.token = secrets.token_urlsafe(24)
        self._folder = None if folder else tempfile.TemporaryDirectory(prefix="influxdb-")
        self._root = Path(self._folder.name) if self._folder else folder or Path()
        self._password = secrets.token_urlsafe(12)
        self._http_port, self._rpc_port, self._gateway_port = _free_ports(3)
        self._influxd: subprocess.Popen[bytes] | None = None
        self._gateway: subprocess.Popen[bytes] | None = None

    @staticmethod
    def why_not() -> str:
        """Return why no server can be started on this machine; empty if one can."""
        if shutil.which("influxd"):
            return ""
        return "influxd is missing: apt-get install influxdb"

    @property
    def url(self) -> str:
        """Where InfluxDB 2's API is."""
        return f"http://127.0.0.1:{self._gateway_port}"

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what runs, by name."""
        running = {"influxd": self._influxd, "gateway": self._gateway}
        return {name: process.pid for name, process in running.items() if process}

    def start(self) -> None:
        """Start what does not run and return once it takes requests.

        Raises:
            RuntimeError: it does not within 20 s; the text holds what it said.

        """
        upstream = f"http://127.0.0.1:{self._http_port}"
        if self._influxd is None:
            is_new = not (self._root / "meta").exists()
            self._influxd = self._launch("influxd", "-config", str(self._config()))
            self._until_it_answers(f"{upstream}/ping", self._influxd)
            if is_new:
                self._make_user(upstream)
        if self._gateway is None:
            module = (sys.executable, "-m", "tests.servers.influx_gateway")
            where = (str(self._gateway_port), upstream)
            self._gateway = self._launch(*module, *where, self.token, USER, self._password)
        self._until_it_answers(f"{self.url}/ping", self._gateway)

    def kill(self) -> None:
        """End the server at once, as a power cut would (``kill -9``)."""
        influxd, self._influxd = self._influxd, None
        if influxd is not None:
            influxd.kill()
            influxd.wait()

    def pause(self) -> None:
        """Have the server do nothing and keep its connections (``kill -STOP``)."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have a server that was paused go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Stop the server and the API in an orderly way."""
        for process in (self._gateway, self._influxd):
            if process is not None:
                process.terminate()
                process.wait(timeout=30)
        self._gateway = self._influxd = None

    def remove(self) -> None:
        """End all of it and delete what it stored."""
        self.kill()
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    def _signal(self, number: signal.Signals) -> None:
        if self._influxd is None:
            raise RuntimeError("influxd is not running")
        self._influxd.send_signal(number)

    def _config(self) -> Path:
        path = self._root / "influxd.toml"
        path.write_text(
            CONFIG.format(folder=self._root, http_port=self._http_port, rpc_port=self._rpc_port)
        )
        return path

    def _launch(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._root / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # a command of our own
                command,
                cwd=ROOT,
                env={**os.environ, "HOME": str(self._root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _until_it_answers(self, url: str, process: subprocess.Popen[bytes]) -> None:
        patience = time.monotonic() + 20
        while not _answers(url):
            try:
                process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() < patience:
                    continue
            self.stop()
            raise RuntimeError(f"{process.args!r} did not start: {self._tail()}")

    def _make_user(self, upstream: str) -> None:
        statement = f"CREATE USER {USER} WITH PASSWORD '{self._password}' WITH ALL PRIVILEGES"
        asked = urllib.parse.urlencode({"q": statement}).encode()
        with urllib.request.urlopen(f"{upstream}/query", asked, timeout=5):  # noqa: S310  # loopback
            pass

    def _tail(self) -> str:
        return (self._root / "log").read_text(errors="replace")[-2_000:]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310  # loopback
            return True
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
