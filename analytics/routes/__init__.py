"""Arbitrage routes: what the venues quote in, the ways round that end with more than they began."""
