"""What a person sees: snapshots become escaped HTML, plain text and one live output."""
