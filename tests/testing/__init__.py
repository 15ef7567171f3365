"""Tests of what users test with: the registry and the clients of pycoco.testing."""
