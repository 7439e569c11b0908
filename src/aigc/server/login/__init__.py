"""``/auth``: the page logs in and out."""
