"""Text before it means anything: JSON, strictly and as Go's encoding/json takes it, and times as Go reads them.

It knows no kind of document.
"""
