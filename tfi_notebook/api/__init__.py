"""Talks HTTP: one asynchronous client, and the one background loop on which it lives."""
