"""The DAG is parsed and run by a real Airflow, where there is one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from infrastructure.archive.files import LocalFiles
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from tests.making import a_candle

AIRFLOW = os.environ.get("CRYPTOTRACKER_TEST_AIRFLOW") or shutil.which("airflow")
PROJECT = Path(__file__).parents[2]
DAY = date(2026, 3, 4)
AFTER = "2026-03-05"


@pytest.mark.skipif(
    AIRFLOW is None,
    reason="no Airflow: install apache-airflow into a venv of its own, and name its `airflow` in "
    "CRYPTOTRACKER_TEST_AIRFLOW",
)
async def test_airflow_archives_the_day_before_and_what_was_missed(tmp_path: Path) -> None:
    assert AIRFLOW is not None
    with closing(EmbeddedTimeSeries.open(tmp_path / "market.duckdb")) as store:
        await store.write([a_candle(start_ns=start_of_day(DAY) + n * DAY_NS) for n in (-1, 0)])
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "infrastructure" / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "CRYPTOTRACKER_PYTHON": sys.executable,
        "CRYPTOTRACKER_STORE_URL": f"duckdb:{tmp_path / 'market.duckdb'}",
        "CRYPTOTRACKER_ARCHIVE": str(tmp_path / "archive"),
        "PYTHONPATH": str(PROJECT),
    }

    run(AIRFLOW, "db", "migrate", environment=environment)
    said = run(AIRFLOW, "dags", "test", "archive_daily", AFTER, environment=environment)

    assert whole_days(LocalFiles(tmp_path / "archive")) == {date(2026, 3, 3), DAY}
    assert "success" in said


def run(*command: str, environment: Mapping[str, str]) -> str:
    """Run a command to its end; return all that it said."""
    done = subprocess.run(  # noqa: S603  # our own words
        command, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3_000:]
    return said
