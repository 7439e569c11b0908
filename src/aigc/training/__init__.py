"""One training loop for every recipe, and what it needs: settings, data, optimisers, checkpoints, curves.

Everything random in a run follows from its seed and the number of the step, so a run that was killed goes on to the
same numbers, and two processes make the same steps as one. Needs the extra ``train`` (torch).

Knows: how networks are trained. Does not know: which networks, the store, the server.
"""
