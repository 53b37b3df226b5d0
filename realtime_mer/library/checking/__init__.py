"""An owner's own word on some tracks beside the model's, and numbers on the owner's scale.

What is drawn, measured and fitted is pure; playing, asking and keeping stand apart from it.
"""
