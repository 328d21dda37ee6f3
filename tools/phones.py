"""espeak-ng's phoneme mnemonics to visemes.

The visemes are the keys of `tfi_notebook.local.renderer.speech.VISEMES`.
"""

from __future__ import annotations

from typing import Final

# espeak-ng: what a mnemonic begins with decides; the longer beginnings are asked first.
_ESPEAK_PAIRS: Final[dict[str, str]] = {
    "tS": "SH", "dZ": "SH", "aI": "AA", "aU": "AA", "oU": "OH", "OI": "OH", "eI": "EH", "pf": "PBM",
}  # fmt: skip
_ESPEAK_LETTERS: Final[dict[str, str]] = {
    letter: viseme
    for viseme, letters in {
        "PBM": "pbmB",
        "FV": "fv",
        "TDN": "tdnlTD",
        "S": "szC",
        "KG": "kgNxQR",
        "IY": "jiI",
        "H": "h",
        "SH": "SZ",
        "R": "r3",
        "UW": "wyuU",
        "AA": "aA",
        "AX": "V@",
        "EH": "Ee&",
        "OH": "YWOo0",
    }.items()
    for letter in letters
}
_ESPEAK_MARKS: Final = "',%=|:;-"  # stress, length and joining


def espeak_viseme(phoneme: str) -> str:
    """Return the viseme of an espeak-ng phoneme mnemonic; silence for pauses.

    Example:
        >>> [espeak_viseme(phoneme) for phoneme in ("b", "oU", "tS", "_:", "'u:")]
        ['PBM', 'OH', 'SH', 'sil', 'UW']
    """
    bare = phoneme.strip(_ESPEAK_MARKS)
    if not bare or bare[0] in "_(":
        return "sil"
    return _ESPEAK_PAIRS.get(bare[:2]) or _ESPEAK_LETTERS.get(bare[0], "AX")
