"""From an image to a container, with the programs that run one."""
