"""What the notifications service does: one async function per business action, given the connection and `now`."""
