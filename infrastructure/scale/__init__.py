"""The same question and work on many markets: by DuckDB here, or by Spark on many machines.

Parquet files ──text (SQL)──▶ rows of each market ──work (Python)──▶ bytes of each market
"""

from infrastructure.scale.crossing import crossing_text
from infrastructure.scale.engine import Columns, Engine, Market, Work
from infrastructure.scale.here import DuckDbEngine
from infrastructure.scale.spark import SparkEngine
from infrastructure.scale.tables import candles_text, crossings_text, returns_text

__all__ = [
    "Columns",
    "DuckDbEngine",
    "Engine",
    "Market",
    "SparkEngine",
    "Work",
    "candles_text",
    "crossing_text",
    "crossings_text",
    "returns_text",
]
