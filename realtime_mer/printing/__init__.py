"""What people read on a terminal: lines, tables and bars, in which no name from outside is markup.

All that is printed enters here; nothing else prints, and a test holds every module to that.
"""
