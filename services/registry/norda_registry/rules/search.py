"""What somebody types into the search: words, an order, and what a mistyped word may have meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from .names import fold, query_words

MOST_ALTERNATIVES = 3
MOST_SLIPS = 3
SHORTEST_CORRECTED = 4
"""A word of three letters is one slip away from too many others."""
_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789"
"""Of which folded words consist."""
WORD_LONGEST_KNOWN = 40
"""Longer words are no vocabulary: nobody mistypes them, and a record may say anything."""

Term = tuple[str, ...]
"""What one typed word may be: the beginnings of words of which one has to occur."""


class Order(StrEnum):
    """What a list is ordered by."""

    RELEVANCE = "relevance"
    NAME = "name"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Wording:
    """A search's words. `terms` all have to occur; `name` is the whole of them, folded, as a name would be."""

    terms: tuple[Term, ...] = ()
    name: str = ""

    @property
    def words(self) -> list[str]:
        """Of each term the likeliest word."""
        return [term[0] for term in self.terms]

    def __bool__(self) -> bool:
        return bool(self.terms)

    def corrected(self, corrections: dict[str, Term]) -> Wording:
        """The same with other words in the place of mistyped ones."""
        terms = tuple(corrections.get(term[0], term) for term in self.terms)
        return Wording(terms, " ".join(term[0] for term in terms))


def wording(text: str) -> Wording:
    """The words of what was typed."""
    return Wording(tuple((word,) for word in query_words(text)), fold(text)[:200])


def as_tsquery(terms: Iterable[Term]) -> str:
    """The terms for PostgreSQL: folded words hold letters and digits only, so nothing in them is special to it."""
    return " & ".join("(" + " | ".join(f"{word}:*" for word in term) + ")" for term in terms)


def other_words(beginning: str, words: Iterable[str]) -> list[str]:
    """All words that begin so but these, which do, for PostgreSQL: further beginnings, and words for themselves.

    `bau`, without `baum`: what begins with `baua` to `bau9` but for `baum`, or with `bauma` to `baum9`; and `bau`.
    """
    left_out = set(words)
    if not left_out:
        return [f"{beginning}:*"]
    inner = {word[:length] for word in left_out for length in range(len(beginning), len(word) + 1)}
    further = [node + sign for node in sorted(inner) for sign in _SIGNS if node + sign not in inner]
    return [*(f"{begun}:*" for begun in further), *sorted(inner - left_out)]


def as_patterns(term: Term) -> list[str]:
    """The term for LIKE, of which one has to match a row's text."""
    return [f"% {word}%" for word in term]


def occurs(words: Wording, search_text: str) -> bool:
    """Whether all terms occur in a row's text, each of whose words stands after a blank."""
    return all(any(f" {word}" in search_text for word in term) for term in words.terms)


def is_known(word: str) -> bool:
    """Whether a word of a record belongs to the vocabulary: what people mistype has letters."""
    return SHORTEST_CORRECTED - 1 <= len(word) <= WORD_LONGEST_KNOWN and not any(char.isdigit() for char in word)


def may_be_mistyped(word: str) -> bool:
    """Whether a word that nothing begins with is looked up among similar ones."""
    return len(word) >= SHORTEST_CORRECTED and is_known(word[:WORD_LONGEST_KNOWN])


def most_slips(word: str) -> int:
    """How many slips a word may have: one in four letters, at most three."""
    return min(MOST_SLIPS, max(1, len(word) // 4))


def likeliest(typed: str, similar: Iterable[str]) -> Term:
    """Of similar words those that may have been meant, the nearest first: of the fewest slips, at most three.

    A word counts as far as it was typed: `groesenmes` means `groessenmesstechnik`.
    """
    limit = most_slips(typed)
    ranked = sorted((slips, len(word), word) for word in set(similar) if (slips := slips_to(typed, word)) <= limit)
    return tuple(word for slips, _, word in ranked if slips == ranked[0][0])[:MOST_ALTERNATIVES]


def slips_to(typed: str, word: str) -> int:
    """The fewest slips by which the typed text becomes a beginning of the word, or the word: a letter too many, too
    few, another, or two in the wrong order (optimal string alignment).
    """
    near = range(max(1, len(typed) - MOST_SLIPS), len(typed) + MOST_SLIPS + 1)
    return min(OSA.distance(typed, word[:length]) for length in {min(length, len(word)) for length in near})


def similarity(first: str, second: str) -> float:
    """How alike two folded names are, 0 to 1: the share of letters that need no change, words in any order."""
    return float(fuzz.token_sort_ratio(first, second)) / 100


def without(words: Sequence[str], left_out: frozenset[str]) -> list[str]:
    """The words that say something, or all where none does."""
    kept = [word for word in words if word not in left_out]
    return kept or list(words)
