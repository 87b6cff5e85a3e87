"""`cryptotracker backtest routes`: what was received in, what taking routes brought out."""
