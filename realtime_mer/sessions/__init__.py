"""Sessions on disk: record, list, export and report what a live session estimated.

Whoever records or reads one may import it; it knows no engine, socket or window. A session is a
folder: ``manifest.json`` (what ran), ``events.jsonl`` (what came of it, one message of the protocol
a line) and, only where it was asked for, ``audio.flac``. docs/sessions.md describes the files.
"""
