"""The part of the CRI that this room speaks: messages, and calls to a runtime's socket. It needs the extra `node`.

It is not for what the calls are made for, nor for a server of them (see `pycoco.node.service`).
"""
