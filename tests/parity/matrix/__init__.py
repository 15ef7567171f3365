"""Rows of the parity matrix: one fact of containers/image each, with the answer that both backends give."""
