"""What Go's standard library does, at its own tests' examples and at odd ones."""
