"""The script `run`: what it makes of its words, with a Python that only repeats them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cryptotracker.cli import app
from tests.processes import ROOT

COMMANDS = [one.name or one.callback.__name__ for one in app.registered_commands if one.callback]
ECHO = '#!/bin/sh\necho "$@"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and an environment that is made already."""
    for name in ("run", "requirements.lock", "scripts/environment.sh"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(ECHO, encoding="utf-8")
    python.chmod(0o755)
    shutil.copy(ROOT / "requirements.lock", tmp_path / ".venv" / ".requirements.lock")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("", "up"),
        ("--live --port 8001", "up --live --port 8001"),
        ("stream kraken --live", "stream kraken --live"),
        ("--help", "--help"),
    ],
)
def test_options_alone_go_to_up(words: str, command: str, checkout: Path) -> None:
    assert _told(checkout, words) == command


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_there_is_is_run(command: str, checkout: Path) -> None:
    assert _told(checkout, f"{command} --port 1") == f"{command} --port 1"


def _told(checkout: Path, words: str) -> str:
    told = subprocess.run(  # noqa: S603  # our own script
        [checkout / "run", *words.split()], capture_output=True, text=True, timeout=10, check=True
    )
    return told.stdout.strip().removeprefix("-m cryptotracker ")
