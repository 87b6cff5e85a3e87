"""Kraken's interfaces: names, frames of the stream, answers over REST, and its own side."""
