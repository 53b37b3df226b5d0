"""What to play next, and paths over the valence-arousal plane, out of a table of tracks.

The searches are pure; only ``columns`` reads tables, and only ``told`` opens music files.
"""
