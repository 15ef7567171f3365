"""The Python twin: the registry rules of containers/image written out over httpx's engine, one room per concern.

It knows nothing of the Go backend and never reads os.environ: everything comes from the session's settings.
`backend.PythonBackend` is the way in. Nothing heavy is imported here; the network's rooms load when first used.
"""
