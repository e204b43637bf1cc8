"""The browser of the browser tests: Debian's Chromium, installed where it is missing and may be installed.

Owns no process; Playwright starts the browser (tests/browser).
"""

import os
import shutil
import subprocess

from norda_local.errors import StackError

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL_SECONDS = 420
REMEDY = "install Debian's package chromium, or put a chromium or google-chrome on the PATH"


def find() -> str | None:
    """The browser's path."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def ensure() -> str:
    """The browser's path; as root on Debian it is installed first. Idempotent.

    Raises:
        StackError: there is none and it cannot be installed; says what to do.
    """
    found = find()
    if found:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError("the browser tests need a Chromium", REMEDY)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "chromium", "fonts-liberation"]):
        result = subprocess.run(
            ["apt-get", *step],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            lines = (result.stderr or result.stdout).strip().splitlines()
            raise StackError(f"installing Chromium failed: {lines[-1] if lines else result.returncode}", REMEDY)
    found = find()
    if found is None:
        raise StackError("Chromium was installed and is not on the PATH", REMEDY)
    return found
