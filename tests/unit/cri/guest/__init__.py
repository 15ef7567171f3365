"""What the guest is told, and what it would make of an image."""
