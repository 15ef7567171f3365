"""The guest's half: how it is told to pull an image, and whether what it pulls is what the host has read.

It is not for pulling, and asks no guest.
"""
