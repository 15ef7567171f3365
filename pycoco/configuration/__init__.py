"""What this host is configured to: references, short names, registries.conf, credentials, certificates, policy.

It is not for asking a registry: nothing here opens a connection. It mirrors what containers/image reads.
"""
