"""The papers' systems, rebuilt, and put to their own protocol and to an honest one."""
