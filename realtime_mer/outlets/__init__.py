"""Everything that leaves besides the service: values and what rules send, to lights and the like.

``mapping/`` says what goes where and is pure; ``mapped`` runs it in a thread of its own, with a
``line`` for every target; a wire knows one kind of gear, and may import what that needs.

You add a wire by a module with a ``wires.Wire`` in it, as ``osc`` is, and its name in
``finding._BUILT_IN``; a package of your own names it as an entry point ``realtime_mer.outlets``.
All else is done for it: ranges, calm, rules, its thread, what waits, connecting again, counting.
"""
