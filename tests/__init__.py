"""Tests of tfi_notebook."""
