"""What CRI-O makes of an image, compared with its source, the runtime-spec schema, umoci and a real runtime."""
