"""Trees of installed packages, read without running any of it: what is in them, whose it is, what kind it is."""
