"""How pycoco is built: build.py's decisions, and the sdist and wheels that come out."""
