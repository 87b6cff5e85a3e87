"""A private Prometheus on loopback that asks the targets it is given, once a second."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.servers.rabbitmq_node import free_ports


class Target(NamedTuple):
    """Whom to ask: job and service are labels of what is answered."""

    job: str
    service: str
    address: str
    path: str = "/metrics"
    asked: Mapping[str, Sequence[str]] = {}


class PrometheusServer:
    """Starts with a configuration of its own; the rules are the stack's."""

    def __init__(self, targets: Sequence[Target], *, rules: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="prometheus-")
        self._root = Path(self._folder.name)
        self._program = shutil.which("prometheus") or "prometheus"
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._address = f"127.0.0.1:{port}"
        self._server: subprocess.Popen[bytes] | None = None
        scraped = [_scraped(target) for target in targets]
        pace = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        (self._root / "prometheus.yml").write_text(
            json.dumps({"global": pace, "rule_files": [str(rules)], "scrape_configs": scraped})
        )

    @staticmethod
    def why_not() -> str:
        """Return why none can be started on this machine; empty if one can."""
        return "" if shutil.which("prometheus") else "prometheus is missing: apt-get install it"

    def start(self) -> None:
        """Start it and return once it answers.

        Raises:
            RuntimeError: it does not within 20 s; the text holds what it said.

        """
        with (self._root / "log").open("wb") as log:
            self._server = subprocess.Popen(  # noqa: S603  # a command of our own
                [
                    self._program,
                    f"--config.file={self._root / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._root / 'data'}",
                    f"--web.listen-address={self._address}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        patience = time.monotonic() + 20
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > patience:
                said = (self._root / "log").read_text(errors="replace")[-2_000:]
                self.remove()
                raise RuntimeError(f"Prometheus did not start: {said}")
            time.sleep(0.05)

    def remove(self) -> None:
        """End it and delete what it stored."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        self._folder.cleanup()

    def ask(self, path: str, **asked: str) -> Any:
        """Ask its API and return the data.

        Raises:
            RuntimeError: it refuses the question.

        """
        try:
            with urlopen(f"{self.url}/api/v1/{path}?{urlencode(asked)}", timeout=10) as answer:  # noqa: S310  # loopback
                return json.load(answer)["data"]
        except URLError as error:
            why = getattr(error, "read", lambda: b"")()
            raise RuntimeError(f"{path} {asked}: {error} {why[:500]!r}") from error

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=1):  # noqa: S310  # loopback
                return True
        except OSError:
            return False


def _scraped(target: Target) -> dict[str, Any]:
    labels = {"service": target.service}
    return {
        "job_name": target.job,
        "metrics_path": target.path,
        "params": target.asked,
        "static_configs": [{"targets": [target.address], "labels": labels}],
    }
