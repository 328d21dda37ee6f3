"""Pictures, sound and frames. Knows nothing of jobs; imports only `tfi_notebook.errors`."""
