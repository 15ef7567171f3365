"""What must hold of every input, said in sentences."""
