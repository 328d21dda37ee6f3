"""A portrait and a narration to begin with; origin and credit stand in README.md beside them."""

from pathlib import Path
from typing import Final

PORTRAIT: Final = Path(__file__).with_name("portrait.png")
VOICE: Final = Path(__file__).with_name("voice.wav")
