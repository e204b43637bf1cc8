"""The events service's rules: pure functions and types, without I/O and without a clock of their own."""
