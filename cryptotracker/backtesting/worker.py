"""The process of a backtest over REST, where users' own strategies are found too.

python -m cryptotracker.backtesting.worker
"""

from analytics.strategies import SHIPPED, Strategy
from api_service.backtest_worker import main


def strategy_of(named: str) -> type[Strategy]:
    """Return a strategy by its name, or by the file and class that it is."""
    if named in SHIPPED:
        return SHIPPED[named]
    from cryptotracker.backtesting.choosing import candle_strategy  # noqa: PLC0415  # slow to import

    return candle_strategy(named)


if __name__ == "__main__":
    main(strategy_of)
