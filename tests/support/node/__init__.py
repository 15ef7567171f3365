"""A node for the tests of `pycoco pull` and `pycoco serve`: CRI-O played, its storage, and who asks it."""
