"""`python -m norda_local.issuer`: serve the local issuer on the loopback until the process is ended.

Clients and their secrets come in NORDA_ISSUER_CLIENTS (see `clients`).
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import uvicorn

from norda_local.folders import Home
from norda_local.issuer.app import Issuer, make_app
from norda_local.issuer.clients import VARIABLE, read
from norda_local.issuer.signing import Signer


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="OpenID provider of a local test installation")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True, help="the address under which clients know it")
    parser.add_argument("--home", type=Path, required=True, help="the stack whose key signs")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Each back-channel request would be a line.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    app = make_app(Issuer(read(os.environ[VARIABLE]), Signer(Home(given.home), given.issuer)))
    # Access logs would hold codes.
    uvicorn.run(app, host="127.0.0.1", port=given.port, access_log=False, log_level="warning", server_header=False)


if __name__ == "__main__":
    main()
