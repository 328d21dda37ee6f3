"""Phone alphabets to visemes: espeak-ng's mnemonics and the CMU dictionary's.

The visemes are the keys of `tfi_notebook.local.renderer.speech.VISEMES`.
"""

from __future__ import annotations

from typing import Final

# CMU phones as pocketsphinx names them (no stress marks).
CMU_VISEMES: Final[dict[str, str]] = {
    phone: viseme
    for viseme, phones in {
        "sil": "SIL +NSN+",
        "PBM": "P B M",
        "FV": "F V",
        "TDN": "T D N L DH TH",
        "S": "S Z",
        "KG": "K G NG",
        "IY": "Y IH IY",
        "H": "HH",
        "SH": "SH ZH CH JH",
        "R": "R ER",
        "UW": "W UH UW",
        "AA": "AA AE AY AW",
        "AX": "AH +SPN+",
        "EH": "EH EY",
        "OH": "AO OW OY",
    }.items()
    for phone in phones.split()
}

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
