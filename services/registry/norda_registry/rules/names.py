"""Names as people search them: folded so that `Größenmeßtechnik` equals `Groessenmesstechnik`.

Folding is for finding and comparing only; what is stored and published is the name itself, in NFC.
"""

from __future__ import annotations

import re
import unicodedata

_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe", "ł": "l", "đ": "d"}
)
_NO_WORD = re.compile(r"[^a-z0-9]+")


def fold(text: str) -> str:
    """Lower case, German umlauts as two letters, no other accents, words set apart by one blank; NFC and NFD alike."""
    lowered = unicodedata.normalize("NFKC", text).casefold()
    if lowered.isascii():
        return _NO_WORD.sub(" ", lowered).strip()
    return _bare(lowered.translate(_GERMAN))


def fold_plain(text: str) -> str:
    """Like `fold`, but umlauts as their bare letter: what somebody types who has no umlauts and knows no rule."""
    return _bare(unicodedata.normalize("NFKC", text).casefold().replace("ß", "ss"))


def search_text(*texts: str | None) -> str:
    """All words of the texts in both foldings, each after a blank, so that ` wor` finds the beginning of a word."""
    words: dict[str, None] = {}
    for text in texts:
        if text:
            words.update(dict.fromkeys(fold(text).split()))
            if not text.isascii():
                words.update(dict.fromkeys(fold_plain(text).split()))
    return "".join(f" {word}" for word in words)


def query_words(text: str) -> list[str]:
    """The folded words of a search; at most eight, since more find nothing more."""
    return fold(text).split()[:8]


def _bare(lowered: str) -> str:
    decomposed = unicodedata.normalize("NFKD", lowered)
    return _NO_WORD.sub(" ", "".join(char for char in decomposed if not unicodedata.combining(char))).strip()
