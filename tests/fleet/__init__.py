"""Tests of scans: plans, limits, tables, every engine, and what happens when something ends in the middle."""
