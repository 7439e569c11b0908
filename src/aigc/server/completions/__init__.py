"""``/v1/completions``, and ``/v1/engines`` of the oldest clients."""
