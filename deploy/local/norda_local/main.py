"""The norda command line."""
import typer

app = typer.Typer()
