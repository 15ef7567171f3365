"""What Go's standard library does and Python's does not, as far as CRI-O's answers show it: integers, JSON, order,
paths, times.

It is not for reading an image's documents (see `pycoco.documents.syntax`).
"""
