"""Importing tables of organisations: at once, or staged with a plan that is looked at, applied, and can be taken back.

The importing office takes the rows of its own state; rows of other states are counted and left alone. A row is
recognised by EUID, USt-IdNr, W-IdNr or own id, in this order, so that importing again changes nothing.
"""
