"""Files as tables: reading what offices send (CSV, XLSX, ODS), writing what they take away (CSV, XLSX, JSON Lines).

A workbook is read by a process of its own with little memory: whoever makes a file decides how much its reader takes.
What a cell means is none of its business (rules/import_cells.py).
"""
