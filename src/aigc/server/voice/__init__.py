"""A spoken answer, from the words of a model to its sound: shared by `/v1/realtime` and `/v1/chat/completions`."""
