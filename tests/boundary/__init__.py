"""Tests of the way in and out of a backend: interruption, deadlines, asyncio, forks, threads, memory, logs, panics."""
