"""registries.conf and what it decides: where images are read from, and what a short name may stand for.

It is not for asking a registry anything.
"""
