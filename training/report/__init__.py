"""The report on a run: measurements kept as JSON, a page of Markdown, figures and targets.

Nothing here measures by itself.
"""
