"""Credentials as this host has them: containers' auth files, docker's, and the credential helpers they name.

It is not for sending them: the protocol with a registry decides when, and to whom.
"""
