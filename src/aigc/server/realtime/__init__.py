"""``/v1/realtime``: a spoken conversation over one WebSocket, in the events of OpenAI's Realtime API."""
