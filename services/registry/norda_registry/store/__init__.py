"""All SQL of the registry, one function per statement; callers hold the transaction."""
