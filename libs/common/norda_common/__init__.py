"""What the services share that is technical or published; no business rule of one service lives here."""
