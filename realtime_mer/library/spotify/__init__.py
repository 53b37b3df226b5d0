"""What we know of tracks in the shape of Spotify's audio features, which Spotify gives no longer.

Only the shape is theirs: the numbers are ours, and what we do not estimate is null.
"""
