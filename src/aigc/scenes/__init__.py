"""Pictures without a model: scenes as data, drawn by a program and described in words.

``sample`` draws a description from a seed, ``render`` draws the description, ``caption`` says it in English or Chinese.
It makes the training data of our picture model, and the data of its examination (``held_out``).

Example:
    >>> from aigc.scenes import render, sample
    >>> render(sample(7), 64, 64).rgb.shape
    (64, 64, 3)
"""

from aigc.scenes.captions import Caption, caption
from aigc.scenes.describe import Scene, Thing
from aigc.scenes.held_out import held_out
from aigc.scenes.relations import Relation, relations
from aigc.scenes.render import Picture, render
from aigc.scenes.sample import sample

__all__ = ["Caption", "Picture", "Relation", "Scene", "Thing", "caption", "held_out", "relations", "render", "sample"]
