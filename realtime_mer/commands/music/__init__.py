"""Commands for a music library, one module each."""
