"""Recipes for language: read and write checkpoints, pre-train, fine-tune, learn from preferences.

Knows: nothing itself. Does not know: serving.
"""
