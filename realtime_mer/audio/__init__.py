"""Sound in: sources, devices, files, resampling and the ring buffer."""
