"""``GET /v1/chat/completions`` and below: chats that were kept with ``store: true``."""
