"""What bytes say and whether they may be believed: JSON, media types, manifests, configs, platforms, encryption.

It is not for where the bytes come from: nothing here knows a network, a file or a setting.
"""
