"""The norda command: embedded stack, demo, tests."""
