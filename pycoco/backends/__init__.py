"""The two ways to read an image, and the contract both keep.

`contract` says what a backend is, `select` picks one; `go` and `python` can each be read without the other.
"""
