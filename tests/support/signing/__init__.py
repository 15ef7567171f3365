"""Signatures made for tests, by the programs that make them, and images that have them."""
