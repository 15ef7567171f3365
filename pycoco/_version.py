"""pycoco's version, and nothing else: the one place it is written, read by build.py without importing the package."""

__version__ = "0.1.0"
