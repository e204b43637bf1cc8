"""What the registry does by itself, in every replica at once."""

from __future__ import annotations

from .duplicates import find_suspects

WORKERS = (find_suspects,)
