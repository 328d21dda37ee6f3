"""Many jobs over a few fields: planned, run, compared."""
