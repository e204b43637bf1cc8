"""All SQL of the notifications service, one function per statement; nothing here commits."""
