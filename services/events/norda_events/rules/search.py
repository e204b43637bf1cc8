"""How words are folded so that Überseehafen, UEBERSEEHAFEN and a decomposed spelling find the same."""

from __future__ import annotations

import unicodedata

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
MOST_WORDS = 10


def search_words(text: str) -> list[str]:
    """The text's words, folded: lower case, German umlauts spelt out, other marks dropped, letters and digits only."""
    lowered = unicodedata.normalize("NFC", text).casefold().translate(_GERMAN)
    plain = "".join(char for char in unicodedata.normalize("NFD", lowered) if not unicodedata.combining(char))
    return "".join(char if char.isalnum() else " " for char in plain).split()


def query_words(text: str) -> list[str]:
    """The words of a query, a bounded number of them."""
    return search_words(text)[:MOST_WORDS]
