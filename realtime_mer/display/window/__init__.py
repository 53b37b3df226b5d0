"""The window itself: its layouts, menus, dialogs and the order in which its parts draw.

What draws numbers stands in ``plots``, what reads the service beside this folder.
"""
