"""What files that others read need: written whole or not at all, locked, cells no spreadsheet runs.

Any room that writes a file may enter; nothing here knows what the files are about.
"""
