"""Everything that leaves besides the service.

An outlet takes events as they come and can delay nobody.
"""
