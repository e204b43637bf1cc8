"""How every `norda` command is run: which stack it is about, and that what the stack foresees becomes one line.

Imports what it needs when a command needs it, because most commands should answer at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from norda_local.errors import StackError

if TYPE_CHECKING:
    from norda_local.stack import Stack

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def one_line_errors(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Turn what the stack foresees into one line and exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        from norda_local import display  # noqa: PLC0415

        try:
            return command(*args, **kwargs)
        except StackError as error:
            display.fail(error.problem, error.remedy)
        except PermissionError as error:
            display.fail(f"{error.filename} belongs to another user", "run as that user, or chown .norda to yourself")
        except OSError as error:
            if error.errno not in {28, 122}:
                raise
            display.fail("the disk is full", "free some space and run the command again; no data was lost")
        except KeyboardInterrupt:
            display.console.print("norda: interrupted")
            raise typer.Exit(130) from None
        raise typer.Exit(1)

    return wrapped


def local_stack(
    *,
    starting: bool = False,
    only: list[str] | None = None,
    replicas: int | None = None,
    keycloak: bool | None = None,
) -> Stack:
    """The stack of this clone (or NORDA_HOME): as it was started last, or as it is to be started now.

    Raises:
        StackError: there is no such part, or the settings cannot be read.
    """
    from norda_local.folders import default_home  # noqa: PLC0415
    from norda_local.settings import settings_for_start, settings_in_use  # noqa: PLC0415
    from norda_local.stack import PART_NAMES, Stack, part_names  # noqa: PLC0415

    home = default_home()
    settings = settings_for_start(home, replicas=replicas, keycloak=keycloak) if starting else settings_in_use(home)
    unknown = set(only or []) - set(part_names(settings.replicas))
    if unknown:
        raise StackError(
            f"there is no part {', '.join(sorted(unknown))}",
            f"the parts are {' '.join(PART_NAMES)}, and replicas after ./norda up --replicas 2",
        )
    return Stack(home, settings, only=only or None)
