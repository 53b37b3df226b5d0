"""The papers' systems, rebuilt, and put to their own protocol and to an honest one.

Systems, their trials and the page about them stand in folders of their own.
"""
