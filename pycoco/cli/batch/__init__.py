"""`pycoco inspect` of many references: where they come from, what a line says, how a run is resumed."""
