"""Recipes for pictures.

Knows: nothing; the files beside it do.
"""
