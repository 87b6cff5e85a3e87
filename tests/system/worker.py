"""A process that stores and computes, as its settings say: two services in one, to test sharing."""

from cryptotracker.running import run_system
from cryptotracker.settings import read_settings

if __name__ == "__main__":
    run_system(read_settings(), frozenset({"store", "refresh"}))
