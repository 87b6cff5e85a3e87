"""Docker Compose itself reads the file: version 2 or the older one, whichever is installed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docker.stack import COMPOSE_FILE, ENV_EXAMPLE, example, services


def test_compose_accepts_the_file_with_the_example_values(compose: Sequence[str]) -> None:
    """Version 2 tells of the services of a profile only if that is asked for."""
    profiles = {one for service in services().values() for one in service.get("profiles", ())}
    asked = [f"--profile={profile}" for profile in sorted(profiles)]

    read = _run([*compose, *asked, "--env-file", str(ENV_EXAMPLE), "config", "--services"])

    assert profiles
    assert read.returncode == 0, read.stderr
    assert set(read.stdout.split()) == set(services())


def test_compose_accepts_the_file_without_any_value(compose: Sequence[str], tmp_path: Path) -> None:
    nothing = tmp_path / "env"
    nothing.touch()

    read = _run([*compose, "--env-file", str(nothing), "config", "--quiet"])

    assert read.returncode == 0, read.stderr


@pytest.fixture(scope="session")
def compose() -> Sequence[str]:
    """The command of the Compose that is installed."""
    if shutil.which("docker") and _run(["docker", "compose", "version"]).returncode == 0:
        return ["docker", "compose", "--file", str(COMPOSE_FILE)]
    if shutil.which("docker-compose"):
        return ["docker-compose", "--file", str(COMPOSE_FILE)]
    pytest.skip("no Docker Compose: apt-get install docker-compose")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    asked_for = set(example())
    inherited = {name: value for name, value in os.environ.items() if name not in asked_for}
    return subprocess.run(  # noqa: S603  # a command of our own
        command, capture_output=True, text=True, timeout=60, check=False, env=inherited
    )
