"""Claims of the README, measured: each prints its figures beside a floor, a peer and a goal."""
