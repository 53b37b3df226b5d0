"""What is known of a track written into its file, shown first, and taken back again.

A module knows each family of files; nothing here touches sound, or tags that others wrote.
"""
