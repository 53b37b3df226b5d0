"""What is known of a library, written as files that other programs open.

A module knows each kind of program; nothing here touches what those programs have themselves.
"""
