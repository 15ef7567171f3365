"""The event loop, connections, HTTP/1.1, redirects and bodies. It knows nothing of registries."""
