"""Real-time music emotion recognition."""
