"""What the Dockerfile promises, read off the file, and what the image's health check says."""

import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.main import get_group

from cryptotracker.cli import app
from tests.docker.stack import ROOT, our_services, services

DOCKER = ROOT / "infrastructure" / "docker"
HEALTHY = DOCKER / "healthy"


def test_the_image_does_not_run_as_root() -> None:
    (user,) = _arguments("USER")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_only_packages_of_the_lock_file_are_installed() -> None:
    installs = [line for line in _arguments("RUN") if " install " in line]

    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--requirement /requirements.lock" in installs[0]


def test_the_python_of_the_image_is_new_enough() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (base,) = _arguments("ARG")

    version = base.removeprefix("PYTHON_IMAGE=python:").removesuffix("-slim")

    assert project["requires-python"] == f">={version}"


def test_the_image_holds_every_package_and_nothing_that_is_not_named() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    ignored = (ROOT / ".dockerignore").read_text().split("\n")

    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert "*" in ignored
    assert let_in == {
        *layers["root_packages"],
        "web",
        "requirements.lock",
        str(HEALTHY.relative_to(ROOT)),
    }


def test_every_service_is_a_command() -> None:
    known = set(get_group(app).commands)

    asked_for = {service["command"][0] for service in our_services().values()}

    assert asked_for <= known


def test_stand_ins_are_made_for_the_images_that_are_pulled() -> None:
    script = (ROOT / "scripts" / "stand_in_images.sh").read_text()
    (base,) = _arguments("ARG")

    made = set(re.findall(r"^build (\S+)", script, re.MULTILINE))

    pulled = {each["image"] for each in services().values() if "build" not in each}
    assert made == {base.removeprefix("PYTHON_IMAGE=")} | {
        image for image in pulled if not image.startswith("grafana/")
    }


class TestHealthy:
    """The script that the health checks of our services run."""

    @pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.NOT_FOUND])
    def test_an_answer_is_healthy(self, status: HTTPStatus, server: HTTPServer) -> None:
        said = healthy("answers", f"{_url(server)}/{status.value}")

        assert said.returncode == 0, said.stderr

    def test_a_fault_of_the_server_is_not_and_its_reason_is_told(self, server: HTTPServer) -> None:
        said = healthy("answers", f"{_url(server)}/503")

        assert said.returncode == 1
        assert said.stderr.strip() == f"{_url(server)}/503: 503 as asked"

    def test_no_answer_is_not(self, unused_port: int) -> None:
        said = healthy("answers", f"http://127.0.0.1:{unused_port}/")

        assert said.returncode == 1
        assert "Connection refused" in said.stderr

    def test_without_a_question_it_says_what_it_can_be_asked(self) -> None:
        said = healthy()

        assert said.returncode == 2
        assert said.stderr.startswith("usage: healthy answers URL")


def healthy(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the health check with the Python of the tests."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(  # noqa: S603  # our own script
        [HEALTHY, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"PATH": path},
    )


class _AsAsked(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()
        self.wfile.write(b"as asked")

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _AsAsked) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed_again:
        port: int = closed_again.getsockname()[1]
    return port


def _url(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def _arguments(instruction: str) -> list[str]:
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.*)$", text, re.MULTILINE)
