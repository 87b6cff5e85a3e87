"""Spark, on this machine or on a cluster; it needs the extra ``spark`` and Java 17."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infrastructure.scale.engine import COLUMNS, Columns, Market, Work, text_of
from market import SettingsError

OUT = "venue string, base string, quote_currency string, told binary"
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
}
LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
"""A master within this process listens to nobody else."""


class SparkEngine:
    """See `Engine`: markets are parted among the cores of a cluster, which has this package too.

    Args:
        master: Such as ``local[4]`` or ``spark://host:7077``.

    """

    def __init__(self, master: str) -> None:
        self._master = master

    def each(
        self, files: Sequence[str], work: Work, *, interval: str, start_ns: int, end_ns: int
    ) -> Iterator[tuple[Market, bytes]]:
        """See `Engine.each`."""
        text = text_of(interval=interval, start_ns=start_ns, end_ns=end_ns)
        with _session(self._master, files) as session:
            markets = session.sql(text).groupBy(*Market._fields)
            rows = markets.applyInArrow(_each(work), OUT).collect()
        found = [(Market(*row[:3]), bytes(row[3])) for row in rows]
        yield from sorted(found, key=lambda one: one[0])

    def asked(self, files: Sequence[str], text: str) -> Columns:
        """See `Engine.asked`."""
        with _session(self._master, files) as session:
            found = session.sql(text).toArrow()
        return {name: found[name].to_numpy() for name in found.column_names}

    def write(self, files: Sequence[str], text: str, to: Path) -> None:
        """See `Engine.write`."""
        with _session(self._master, files) as session:
            found = session.sql(text).write.mode("errorifexists")
            if to.suffix == ".csv":
                found.option("header", "true").csv(str(to))
            else:
                found.option("compression", "zstd").parquet(str(to))


def _each(work: Work) -> Callable[[Any, Any], Any]:
    """Return what does the work on the rows of one market, in a process of Spark's."""

    def told(key: Any, rows: Any) -> Any:
        arrow = importlib.import_module("pyarrow")
        in_order = rows.select(COLUMNS).sort_by("start_ns")
        found = work({name: in_order[name].to_numpy() for name in COLUMNS})
        values = [*(scalar.as_py() for scalar in key), found]
        kinds = [arrow.string(), arrow.string(), arrow.string(), arrow.binary()]
        arrays = [arrow.array([value], kind) for value, kind in zip(values, kinds, strict=True)]
        return arrow.table(arrays, names=[*Market._fields, "told"])

    return told


@contextmanager
def _session(master: str, files: Sequence[str]) -> Iterator[Any]:
    """Start a session with a view of the files.

    Raises:
        SettingsError: Spark or Java is not there, or it fails.

    """
    try:
        sql = importlib.import_module("pyspark.sql")
        failure = importlib.import_module("pyspark.errors").PySparkException
        importlib.import_module("pyarrow")
    except ImportError as error:
        raise SettingsError(
            f"Spark is not installed ({error.name}): pip install 'cryptotracker[spark]'; it needs "
            "Java 17 too."
        ) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = sql.SparkSession.builder.master(master).appName("cryptotracker")
    for name, value in {**SETTINGS, **(LOCAL if master.startswith("local") else {})}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (failure, OSError, RuntimeError) as error:
        raise SettingsError(f"Spark at {master} cannot be started: {error}") from error
    try:
        session.sparkContext.setLogLevel("ERROR")
        candles = session.read.option("mergeSchema", "true").parquet(*files)
        candles.createOrReplaceTempView("candles")
        yield session
    except failure as error:
        why = str(error).strip().partition("\n")[0]
        raise SettingsError(f"Spark at {master} failed: {why}") from error
    finally:
        session.stop()
