"""Signatures of images: how they are stored, what they say, and whether a key made them.

It is not for which keys count or what a signature has to say (see `pycoco.configuration.policy`), nor for where
signatures are found. `openpgp`, `public_keys`, `certificates` and `rekor` need the packages of the extra
`pycoco[policy]`; the others need none.
"""
