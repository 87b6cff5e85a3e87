"""`cryptotracker backtest`: candles in, what would have come of a strategy out."""
