"""The papers' systems, rebuilt, and put to their own protocol and to an honest one.

Systems, their trials and the page about them stand in folders of their own; beside those stand the
command, the export of a system as a checkpoint, and the recogniser that runs it live.
"""
