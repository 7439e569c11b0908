"""Filling gaps: which vocabularies can, and what the model is asked."""

import pytest

from aigc.engines.infill import family_of, filling


def encoder(*special):
    """A tokenizer of letters that knows some special tokens by name, numbered from 1000."""
    numbers = {name: 1000 + n for n, name in enumerate(special)}
    return lambda text: [numbers[text]] if text in numbers else [ord(letter) for letter in text]


def test_qwen_reads_head_and_tail_and_writes_the_middle():
    encode = encoder("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|endoftext|>")
    found = filling([1, 2], [3], encode)
    assert (found.tokens, found.head) == ([1000, 1, 2, 1001, 3, 1002], 1)
    assert found.stop_ids == (1004, 1003)


def test_codestral_reads_the_tail_first():
    found = filling([1], [2], encoder("[PREFIX]", "[SUFFIX]"))
    assert (found.tokens, found.head) == ([1001, 2, 1000, 1], 3)


def test_deepseek_names_its_tokens_with_full_width_bars():
    names = ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")
    assert filling([1], [2], encoder(*names)).tokens == [1000, 1, 1001, 2, 1002]


def test_a_vocabulary_without_the_tokens_fills_no_gaps():
    assert filling([1], [2], encoder("<|im_start|>", "<|endoftext|>")) is None


@pytest.mark.parametrize(
    ("special", "can"),
    [
        (["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"], True),
        (["<fim_prefix>", "<fim_suffix>", "<fim_middle>"], True),
        (["▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"], True),
        (["<|fim_prefix|>", "<|fim_suffix|>"], False),
        ([], False),
    ],
)
def test_a_family_is_known_by_all_of_its_tokens(special, can):
    assert (family_of(special) is not None) is can
