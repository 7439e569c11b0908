"""``/health``, ``/ready``, ``/metrics``, ``/v1/status``: the server about itself."""
