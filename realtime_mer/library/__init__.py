"""A music library by its moods: annotate it once, then ask what goes on from here."""
