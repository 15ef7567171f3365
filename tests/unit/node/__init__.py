"""Tests of `pycoco.node`."""
