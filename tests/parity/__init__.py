"""The two backends compared: the same value or the same class of error for the same input."""
