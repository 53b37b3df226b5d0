"""The way from a loudspeaker to the microphone: chirps are played, and found in what is heard.

What decides whether they were found is pure (`chirps`); playing them has a process of its own.
"""
