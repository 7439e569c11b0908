"""Texts to learn from: read from files, told apart by their form, counted and judged before anything is learned.

Knows: files of text. Does not know: tokenizers, networks, servers; both towers use it.
"""
