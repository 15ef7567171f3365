"""Tests of the network below the Python twin's registries."""

"""Unit tests of one room of the package."""
