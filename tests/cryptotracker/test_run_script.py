"""The script `run`: what it makes of its words, with a Python that only repeats them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import ROOT

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
        ("settings", "settings"),
    ],
)
def test_a_command_is_run_and_what_is_none_goes_to_up(
    words: str, command: str, checkout: Path
) -> None:
    told = subprocess.run(  # noqa: S603  # our own script
        [checkout / "run", *words.split()], capture_output=True, text=True, timeout=10, check=True
    )

    assert told.stdout.split() == ["-m", "cryptotracker", *command.split()]
