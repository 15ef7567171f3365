"""Connections by way of a proxy, HTTP or SOCKS. It is not for which proxy is used (see `configuration.proxies`)."""
