"""Names as people search them: folded so that `Größenmeßtechnik` equals `Groessenmesstechnik`.

Folding is for finding and comparing only; what is stored and published is the name itself, in NFC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe", "ł": "l", "đ": "d"}
_DIAERESIS = "\N{COMBINING DIAERESIS}"
LONGEST_WORD = 100
"""Of a word so much is searched; PostgreSQL takes 2,046 bytes, and a record may say anything."""
_NO_WORD = re.compile(r"[^a-z0-9]+")


def fold(text: str) -> str:
    """Lower case, German umlauts as two letters, no other accents, words set apart by one blank; NFC and NFD alike."""
    lowered = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    if not lowered.isascii():
        for letter, letters in _GERMAN.items():
            lowered = lowered.replace(letter, letters)
    return _bare(lowered)


def fold_plain(text: str) -> str:
    """Like `fold`, but umlauts as their bare letter: what somebody types who has no umlauts and knows no rule."""
    return _bare(unicodedata.normalize("NFKC", text).casefold().replace("ß", "ss"))


def search_text(*texts: str | None) -> str:
    """All words of the texts in both foldings, each after a blank, so that ` wor` finds the beginning of a word."""
    return as_search_text(search_words(*texts))


def search_words(*texts: str | None) -> dict[str, None]:
    """The words of the texts in both foldings, each once and in their order."""
    # Folded together: a line's end is no part of a word, and a call costs more than a name.
    text = "\n".join(filter(None, texts))
    words = fold(text).split()
    if not text.isascii():
        words += fold_plain(text).split()
    return dict.fromkeys(word[:LONGEST_WORD] for word in words)


def as_search_text(words: Iterable[str]) -> str:
    """The words, each after a blank."""
    return "".join(f" {word}" for word in words)


def query_words(text: str) -> list[str]:
    """The folded words of a search; at most eight, since more find nothing more."""
    return [word[:LONGEST_WORD] for word in fold(text).split()[:8]]


def _bare(lowered: str) -> str:
    if not lowered.isascii():
        # Letter by letter it is ten times the work; German names seldom have other marks than this one.
        lowered = unicodedata.normalize("NFKD", lowered).replace(_DIAERESIS, "")
    if not lowered.isascii():
        lowered = "".join(char for char in lowered if not unicodedata.combining(char))
    return _NO_WORD.sub(" ", lowered).strip()
