"""README and docs, run: every command and program in them does what they say, against registries in this process."""
