"""What is computed from the market: pure functions and accumulators, events in, events out."""
