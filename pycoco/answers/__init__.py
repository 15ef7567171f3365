"""What clients answer besides an Image; how an answer is come by in more than one step, or by a client of its own.

It is not for waiting for one (see `pycoco.client` and `pycoco.async_client`), nor for asking a registry.
"""
