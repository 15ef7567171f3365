"""What happens to the process itself: forks, threads, signals, panics, the end of the interpreter, Go in a program."""
