"""Image records without layers in the store that CRI-O and Podman keep images in: c/storage's directory of images.

It is not for layers, containers or mounts, which stay c/storage's, nor for talking to CRI-O (see `node.cri_api`).
"""
