"""The commands that print what a registry tells of one reference: digests, documents, tags, referrers, platforms."""
