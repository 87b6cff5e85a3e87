"""What a backtest came to, in; a page of HTML that needs nothing else, out."""

from analytics.backtest.report.chart import Line, Mark, chart
from analytics.backtest.report.page import page, table
from analytics.backtest.report.result import report
from analytics.backtest.report.words import worded

__all__ = ["Line", "Mark", "chart", "page", "report", "table", "worded"]
