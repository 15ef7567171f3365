"""What the pure operations are tried with: hypothesis strategies, one module for each kind of input.

It is not for asking the twins (see tests/parity). Every strategy gives what the field really has, the same with one
thing changed, and what is known to break parsers.
"""
