"""``/v1/images``: generations, edits, variations, and our own restorations, panoramas and jobs."""
