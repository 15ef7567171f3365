"""policy.json and signatures, with real registries and the programs that sign."""
