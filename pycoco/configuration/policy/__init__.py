"""policy.json: what it demands of an image, and whether an image has it.

It is not for fetching signatures.
"""
