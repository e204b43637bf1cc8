"""Ahead-of-time caches of the Java servers: the second start takes a third of the first one's time (JEP 483, 514).

The first run records what it loads and writes the cache when it is stopped; later runs use it. Java checks that cache,
class path and flags fit and does without where they do not, so a cut or stale cache costs time, never correctness. A
cache whose writing was cut is written anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from norda_local.folders import Home

DUMP_SECONDS = 25
"""How long a server may take to stop when it writes its cache (3 s on a quiet machine)."""


def cache_file(home: Home, name: str, java: tuple[str, ...]) -> Path:
    """Where the server's cache is; another class path, Java or flag is another file."""
    digest = hashlib.sha256("\0".join(java).encode()).hexdigest()[:12]
    return home.data / "aot" / f"{name}-{digest}.aot"


def ready(cache: Path) -> bool:
    """Whether the cache was written to its end: Java keeps what it recorded beside it until then."""
    return cache.exists() and not cache.with_name(f"{cache.name}.config").exists()


def options(home: Home, name: str, java: tuple[str, ...]) -> tuple[str, ...]:
    """The flag that uses the cache, or the one that records it."""
    cache = cache_file(home, name, java)
    if ready(cache):
        return (f"-XX:AOTCache={cache}", "-Xlog:aot*=off")
    cache.parent.mkdir(parents=True, exist_ok=True)
    return (f"-XX:AOTCacheOutput={cache}", "-Xlog:aot*=off")
