"""Compiling, keeping and sharing the oracle's own programs."""
