"""``/v1/tokenize``: an addition to OpenAI's API."""
