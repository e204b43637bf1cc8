"""Kölner Phonetik: German words that sound alike have the same digits, `Meier` and `Mayr` both 67.

After Hans Joachim Postel, Die Kölner Phonetik, IBM-Nachrichten 19 (1969). Words come folded (`names.fold`): an umlaut
is two vowels there, which make the same digit.
"""

from __future__ import annotations

from functools import lru_cache

_PLAIN = {letter: digit for letters, digit in (
    ("aeijouy", "0"), ("b", "1"), ("fvw", "3"), ("gkq", "4"), ("l", "5"), ("mn", "6"), ("r", "7"), ("sz", "8"),
) for letter in letters}  # fmt: skip
_HARD_C_FIRST = frozenset("ahkloqrux")
_HARD_C = frozenset("ahkoqux")


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """The digits of a folded word; other characters than letters are passed over. Empty for a word without sound."""
    letters = [letter for letter in word if "a" <= letter <= "z"]
    digits: list[str] = []
    for place, letter in enumerate(letters):
        before = letters[place - 1] if place else ""
        after = letters[place + 1] if place + 1 < len(letters) else ""
        digits.append(_digits(letter, before, after))
    text = "".join(digits)
    once = "".join(digit for place, digit in enumerate(text) if not place or digit != text[place - 1])
    return once[:1] + once[1:].replace("0", "")


def _digits(letter: str, before: str, after: str) -> str:
    """What one letter sounds like between its neighbours; `before` is empty at the beginning."""
    match letter:
        case "h":
            return ""
        case "p":
            return "3" if after == "h" else "1"
        case "d" | "t":
            return "8" if after and after in "csz" else "2"
        case "x":
            return "8" if before and before in "ckq" else "48"
        case "c":
            return _of_c(before, after)
    return _PLAIN[letter]


def _of_c(before: str, after: str) -> str:
    if not before:
        return "4" if after in _HARD_C_FIRST else "8"
    return "8" if before in "sz" or after not in _HARD_C else "4"
