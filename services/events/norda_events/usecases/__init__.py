"""What one can do with events: one function per business action, in the transaction its caller opened."""
