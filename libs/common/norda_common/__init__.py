"""What the services share that is technical or published; no business rule of one service lives here."""

__version__ = "0.1.0"
