"""The Go backend: containers/image itself, in a shared library bound with cffi.

It is the reference that the Python twin must equal, and decides nothing itself: requests go in as JSON, verified bytes
come out. Importing this package loads nothing; `backend.GoBackend()` does.
"""
