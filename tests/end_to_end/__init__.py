"""Tests of whole operations against real registries."""
