"""Scores of a finished video, from the file alone: nothing is asked of whoever made it."""
