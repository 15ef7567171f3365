"""The long search for input on which the two backends differ: `make fuzz`, or `python -m tests.fuzz --help`."""
