"""``/v1/models``, and ``/v1/engines`` of the oldest clients."""
