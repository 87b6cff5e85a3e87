"""Venues on loopback: real sockets, native frames, a market made up from a seed."""
