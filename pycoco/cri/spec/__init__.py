"""config.json: what CRI-O writes for a runtime, a module for each part; `runtime_config` puts the parts together.

It is not for files on the disk (see `pycoco.cri.bundle`), nor for the guest (see `pycoco.cri.guest`).
"""
