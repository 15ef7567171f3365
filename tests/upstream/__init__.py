"""What `make upstream` runs: which upstreams moved, what that changes for pycoco, and parity on the candidate."""
