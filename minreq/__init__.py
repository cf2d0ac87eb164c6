"""A minimal-requirements resolver: the smallest set of distributions with which a program provably works."""
