"""``python -m cryptotracker`` is the command line."""

from cryptotracker.cli import main

main()
