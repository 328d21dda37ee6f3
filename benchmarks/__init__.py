"""Figures behind what this project says of itself: `python -m benchmarks`, or `make bench`."""
