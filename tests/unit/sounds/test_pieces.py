"""Where a sound is cut. The speech is a recording; what comes before, between and behind it is made here."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc.sounds.decode import Sound
from aigc.sounds.pieces import LONGEST, RATE, Cutter, Piece
from aigc.types import SoundFile

SENTENCE = Path(__file__).parents[2] / "data" / "capital-of-france.wav"
"""1.4 seconds of speech."""


Floats = NDArray[np.float32]


def speech() -> Floats:
    with Sound(SoundFile(path=str(SENTENCE))) as sound:
        return np.concatenate(list(sound))


def silence(seconds: float) -> Floats:
    return np.zeros(round(seconds * RATE), np.float32)


def pieces(*parts: Floats, block: int = RATE) -> list[Piece]:
    whole, cutter = np.concatenate(parts), Cutter()
    found = [piece for start in range(0, len(whole), block) for piece in cutter.feed(whole[start : start + block])]
    return found + cutter.rest()


def test_silence_and_noise_give_no_piece() -> None:
    draw = np.random.default_rng(1)
    noise = (draw.normal(0, 0.02, 20 * RATE)).astype(np.float32)
    hum = (0.2 * np.sin(2 * np.pi * 50 * np.arange(20 * RATE) / RATE)).astype(np.float32)
    assert pieces(silence(60)) == []
    assert pieces(noise) == []
    assert pieces(hum) == []


def test_a_piece_says_where_it_begins() -> None:
    spoken = speech()
    (piece,) = pieces(silence(30), spoken, silence(30))
    assert abs(piece.start / RATE - 30) < 0.6
    assert abs(piece.seconds - len(spoken) / RATE) < 1.2


def test_speech_that_is_far_apart_is_not_joined_and_near_speech_is() -> None:
    spoken = speech()
    assert len(pieces(spoken, silence(5), spoken)) == 2
    assert len(pieces(spoken, silence(0.5), spoken)) == 1


def test_a_long_talk_is_cut_between_sentences_and_nothing_is_lost() -> None:
    spoken = speech()
    talk = [part for _ in range(30) for part in (spoken, silence(0.7))]
    found = pieces(*talk)
    assert len(found) > 2
    assert all(len(piece.samples) <= LONGEST for piece in found)
    loud = sum(float(np.square(piece.samples).sum()) for piece in found)
    assert loud > 0.99 * 30 * float(np.square(spoken).sum())


def test_speech_without_a_pause_is_cut_before_it_is_too_long() -> None:
    spoken = speech()
    loud = np.abs(spoken) > 0.02
    dense = spoken[int(loud.argmax()) : len(spoken) - int(loud[::-1].argmax())]
    found = pieces(*[dense] * 60)
    assert all(len(piece.samples) <= LONGEST for piece in found)
    assert sum(len(piece.samples) for piece in found) > 0.98 * 60 * len(dense)
    for one, other in itertools.pairwise(found):
        assert other.start >= one.start + len(one.samples)


def test_the_size_of_the_blocks_changes_nothing() -> None:
    whole = np.concatenate([silence(3), speech(), silence(4), speech(), silence(3)])
    one = [(piece.start, len(piece.samples)) for piece in pieces(whole, block=len(whole))]
    other = [(piece.start, len(piece.samples)) for piece in pieces(whole, block=10 * RATE)]
    assert one == other
    assert len(one) == 2
