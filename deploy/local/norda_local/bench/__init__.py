"""`norda bench`: how fast the backbone is, measured beside its alternatives in the same run on the same servers."""
