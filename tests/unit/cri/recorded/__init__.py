"""What a running CRI-O answered, as data, and pycoco's answers beside it.

data/README.md says what was asked, and of whom.
"""
