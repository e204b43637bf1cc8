"""Pure rules of the registry: no input or output, no clock; what is said of organisations is checked here."""
