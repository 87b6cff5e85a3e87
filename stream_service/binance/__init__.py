"""Binance's interfaces: frames of its streams, answers over REST, and its own side."""
