"""Tests of the real parts that other tests run against."""
