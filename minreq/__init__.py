"""minreq finds the smallest set of distributions with which a program works, and proves it by running it."""
