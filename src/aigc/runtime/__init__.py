"""Worker processes, loading on demand, memory, queues and cancellation.

Knows: which model runs where, and how to start, feed, watch and end it. Does not know: HTTP, keys, how text is made.
Import `aigc.runtime.runtime.Runtime`; this file imports nothing, since a worker starts by importing it.
"""
