"""Rooms that are fed by streams of the web: their addresses, and the process that fetches each.

An address is judged here before anything is fetched; nothing here opens a file.
"""
