"""All SQL of the events service, one function per statement. Nothing here commits or decides."""
