"""What offices do with organisations: one module per business action; each takes the connection, the caller and now."""
