"""For those who run Airflow: the archive as two tasks a day, which do what `archive` does.

Put this file into the folder of DAGs. ``CRYPTOTRACKER_PYTHON`` names the Python that CryptoTracker
is installed for (its packages and Airflow's need not agree), ``PYTHONPATH`` the project where it is
not installed; the settings are those of every other process. See docs/OPERATIONS.md.
"""

import os
import sys
from datetime import datetime, timedelta, timezone

from airflow.sdk import CronTriggerTimetable, dag, task

PYTHON = os.environ.get("CRYPTOTRACKER_PYTHON", sys.executable)


@dag(
    schedule=CronTriggerTimetable("10 0 * * *", timezone="UTC", interval=timedelta(days=1)),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017  # Airflow runs on 3.10 too
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(minutes=2)},
)
def archive_daily() -> None:
    """Archive the day that is over, then what else is missing, and fold what has settled."""

    @task.external_python(python=PYTHON, expect_airflow=False)
    def archive_day(day: str) -> None:
        import asyncio  # noqa: PLC0415  # this runs by itself, in the other Python
        from datetime import date  # noqa: PLC0415  # as above

        from cryptotracker.archive_command import run_archive  # noqa: PLC0415  # as above
        from cryptotracker.settings import read_settings  # noqa: PLC0415  # as above

        asyncio.run(run_archive(read_settings(), [date.fromisoformat(day)]))

    @task.external_python(python=PYTHON, expect_airflow=False)
    def catch_up_and_fold() -> None:
        import asyncio  # noqa: PLC0415  # as above

        from cryptotracker.archive_command import run_archive  # noqa: PLC0415  # as above
        from cryptotracker.settings import read_settings  # noqa: PLC0415  # as above

        asyncio.run(run_archive(read_settings(), None))

    archive_day("{{ data_interval_start | ds }}") >> catch_up_and_fold()


archive_daily()
