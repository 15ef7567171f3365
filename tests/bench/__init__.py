"""The benchmarks: `make bench`. docs/benchmarks.md says what is compared, how, and what came of it."""
