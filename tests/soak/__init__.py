"""Running for long and watching what a process holds: memory, descriptors, threads."""
