"""Figures behind what this project says of itself: `python -m benchmarks`, or `make bench`."""

import os

# as the processes that render have it, see `local.process.child_environment`; before numpy is there
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
