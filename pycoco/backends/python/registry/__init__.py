"""The distribution protocol as containers/image speaks it: sources, pings, challenges, tokens, blobs, errors, retries.

It is not for connections and HTTP (see `network`), nor for what the documents mean (see `pycoco.documents`).
"""
