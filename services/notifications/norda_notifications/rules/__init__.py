"""Pure rules: what is told to whom, what is still news, and when to try again. No I/O."""
