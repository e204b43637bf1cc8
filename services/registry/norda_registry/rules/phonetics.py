"""Kölner Phonetik: German words that sound alike have the same digits, `Meier` and `Mayr` both 67.

After Hans Joachim Postel, Die Kölner Phonetik, IBM-Nachrichten 19 (1969). Words come folded (`names.fold`): an umlaut
is two vowels there, which make the same digit.
"""

from __future__ import annotations

import re
from functools import lru_cache

_OTHERS = re.compile("[^a-z]+")
_HISSED = re.compile("[dt](?=[csz])")
_X = re.compile("(?<![ckq])x")
_HARD_C = re.compile("^c(?=[ahkloqrux])|(?<=[^sz])c(?=[ahkoqux])")
_DIGITS = str.maketrans(
    {letter: digit for letters, digit in (
        ("aeijouy", "0"), ("bp", "1"), ("dt", "2"), ("fvw", "3"), ("gkq", "4"), ("l", "5"), ("mn", "6"), ("r", "7"),
        ("scxz", "8"), ("h", ""),
    ) for letter in letters}
)  # fmt: skip
_REPEATED = re.compile(r"(.)\1+")


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """The digits of a folded word; other characters than letters are passed over. Empty for a word without sound."""
    letters = word if word.isalpha() else _OTHERS.sub("", word)
    # What follows a letter or stands before it is looked at as it is written, so hissed d and x come before c.
    letters = _HISSED.sub("s", letters.replace("ph", "f"))
    if "x" in letters:
        letters = _X.sub("ks", letters)
    if "c" in letters:
        letters = _HARD_C.sub("k", letters)
    return _once(letters.translate(_DIGITS))


def sound_of_all(words: list[str] | tuple[str, ...]) -> str:
    """The digits of several words said in one breath: the same for `auto lack` and `autolack`."""
    first, *others = [sound(word) for word in words] or [""]
    return _once(first + "".join(digits.lstrip("0") for digits in others))


def _once(digits: str) -> str:
    """Repeated digits once, and vowels at the beginning only."""
    once = _REPEATED.sub(r"\1", digits)
    return once[:1] + once[1:].replace("0", "")
