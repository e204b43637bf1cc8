"""`python -m norda_registry.usecases.imports.row_process`: reads rows of imports for a service, until that goes away.

Messages on standard input and output are pickles with their length in four bytes before. The first one is the import,
each of the others some rows; the answer is them read, or an exception. Without secrets in its environment.
"""

from __future__ import annotations

from norda_common import lean  # noqa: F401  isort: skip - before all others
import gc
import pickle
import struct
import sys
from typing import Any, BinaryIO

from norda_registry.usecases.imports.plan_batch import read_rows

LENGTH = struct.Struct(">I")


def main(source: BinaryIO, target: BinaryIO) -> None:
    """Answer until there is nothing more to read."""
    # What it makes it hands on and forgets, so there is little to collect; looking for it took as long as reading.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    found = _read(source)
    while (records := _read(source)) is not None:
        try:
            answer: object = read_rows(records, found, hashing=True)
        except Exception as error:  # noqa: BLE001 - it is raised again by whoever asked
            answer = error
        content = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        target.write(LENGTH.pack(len(content)) + content)
        target.flush()


def _read(source: BinaryIO) -> Any:
    length = source.read(LENGTH.size)
    if len(length) < LENGTH.size:
        return None
    return pickle.loads(source.read(*LENGTH.unpack(length)))  # noqa: S301 - from the process that started this one


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
