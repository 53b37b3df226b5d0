"""``python -m realtime_mer`` is ``realtime-mer``."""

from realtime_mer.cli import main

main()
