"""What happens to jobs over time: ledger, tracker, downloads, the workspace and its handles."""
