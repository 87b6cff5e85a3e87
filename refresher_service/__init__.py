"""From quotes and trades to what follows from them: routes and candles."""
