"""JSON, strictly and as Go's encoding/json takes it, and times as Go reads them: text, whatever it is about.

It knows no kind of document.
"""
