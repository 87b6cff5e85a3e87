"""The same question and work on many markets: by DuckDB here, or by Spark on many machines.

Parquet files ──text (SQL)──▶ rows of each market ──work (Python)──▶ bytes of each market
"""

from infrastructure.scale.crossing import crossing_text
from infrastructure.scale.engine import Columns, Engine, Market, Work
from infrastructure.scale.here import DuckDbEngine
from infrastructure.scale.spark import SparkEngine

__all__ = ["Columns", "DuckDbEngine", "Engine", "Market", "SparkEngine", "Work", "crossing_text"]
