"""What belongs to Coinbase alone: its frames, those of its second feed, and its own side."""
