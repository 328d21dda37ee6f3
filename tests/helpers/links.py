"""The links of a Markdown page."""

from __future__ import annotations

import re

LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)")
"""A link or a picture; its group is the target."""
