"""The norda command line."""

import json
import sys

import typer

from norda_local.errors import StackError
from norda_local.folders import default_home
from norda_local.settings import settings_for_start, settings_in_use
from norda_local.stack import Stack

app = typer.Typer()


@app.command()
def up(parts: list[str] = typer.Argument(None)) -> None:
    home = default_home()
    stack = Stack(home, settings_for_start(home), only=parts or None)
    try:
        stack.up(report=lambda name, text: print(name, text, flush=True), progress=lambda name, size: None)
    except StackError as error:
        print(f"norda: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


@app.command()
def down() -> None:
    home = default_home()
    Stack(home, settings_in_use(home)).down(report=lambda name, text: print(name, text, flush=True))


@app.command()
def status(as_json: bool = typer.Option(False, "--json")) -> None:
    home = default_home()
    stack = Stack(home, settings_in_use(home))
    for part in stack.status():
        print(part)
    print(json.dumps(stack.endpoints(), indent=1))
