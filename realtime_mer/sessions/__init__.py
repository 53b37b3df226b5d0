"""Sessions: record, list, replay, export and report what a live session estimated.

A session is a folder: ``manifest.json`` (what ran), ``events.jsonl`` (what came of it, one message
of the protocol a line) and, only where it was asked for, ``audio.flac``. docs/sessions.md describes
the files.
"""
