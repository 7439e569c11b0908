"""A private ChatGPT, picture studio and voice in one Python package."""
