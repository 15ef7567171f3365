"""Do the tests notice? `make mutation` plants faults in a copy of the Python backend and runs them against each."""
