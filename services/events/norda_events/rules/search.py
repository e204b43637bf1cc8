"""How words are folded so that Überseehafen, UEBERSEEHAFEN and a decomposed spelling find the same."""

from __future__ import annotations

import re
import unicodedata

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
MOST_WORDS = 10
LONGEST_WORD = 100
"""Of a word so much is searched; PostgreSQL takes 2,046 bytes, and a record may say anything."""
_NO_WORD = re.compile(r"[^a-z0-9]+")


def search_words(text: str) -> list[str]:
    """The text's words, folded: lower case, German umlauts spelt out, other marks dropped, letters and digits only."""
    if text.isascii():
        return _NO_WORD.sub(" ", text.lower()).split()
    lowered = unicodedata.normalize("NFC", text).casefold().translate(_GERMAN)
    plain = "".join(char for char in unicodedata.normalize("NFD", lowered) if not unicodedata.combining(char))
    return "".join(char if char.isalnum() else " " for char in plain).split()


def query_words(text: str) -> list[str]:
    """The words of a query, a bounded number of them."""
    return search_words(text)[:MOST_WORDS]


def name_words(name: str) -> str:
    """The words of a name, as its index has them: bounded in length, set apart by one blank, those with umlauts also as
    people write them who have none (Wümmer: wuemmer and wummer).
    """
    words = search_words(name)
    if not name.isascii():
        plain = unicodedata.normalize("NFD", name.casefold().replace("ß", "ss"))
        words += search_words("".join(char for char in plain if not unicodedata.combining(char)))
    return " ".join(word[:LONGEST_WORD] for word in dict.fromkeys(words))


def beginnings(text: str) -> str:
    """A tsquery for what somebody typed: each word, or its beginning; empty without a word.

    Folded words hold letters and digits alone, so nothing in them is special to a tsquery.
    """
    return " & ".join(f"{word[:LONGEST_WORD]}:*" for word in query_words(text))
