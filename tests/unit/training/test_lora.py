"""Low-rank adapters: nothing at first, the same merged or worn, and the base stays as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` isn't installed")

from aigc.models.gpt import GPT, GPTConfig  # noqa: E402
from aigc.models.lora import Adapters, LoraConfig, Wardrobe  # noqa: E402


@pytest.fixture
def gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(vocabulary=40, context=16, width=32, layers=2, heads=4, key_heads=2)).eval()


def _taught(gpt: GPT, **settings: Any) -> Adapters:
    adapters = Adapters(gpt, LoraConfig(rank=4, alpha=8, **settings))
    for parameter in adapters.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return adapters


def test_new_adapters_change_nothing(gpt: GPT) -> None:
    tokens = torch.randint(0, 40, (1, 9))
    wardrobe, adapters = Wardrobe(gpt), Adapters(gpt, LoraConfig())
    with torch.no_grad():
        bare = gpt(tokens)
        with wardrobe.wearing(adapters):
            assert torch.equal(gpt(tokens), bare)


def test_merged_they_say_what_they_say_worn(gpt: GPT) -> None:
    tokens, adapters = torch.randint(0, 40, (2, 9)), _taught(gpt)
    merged = copy.deepcopy(gpt)
    adapters.merge_into(merged)
    wardrobe = Wardrobe(gpt)
    with torch.no_grad():
        bare = gpt(tokens)
        with wardrobe.wearing(adapters):
            worn = gpt(tokens)
        assert torch.equal(gpt(tokens), bare), "taken off again"
    assert torch.allclose(worn, merged(tokens), atol=1e-5)
    assert (worn - bare).abs().max() > 0.01


def test_only_the_adapters_learn(gpt: GPT) -> None:
    adapters, before = _taught(gpt), copy.deepcopy(gpt.state_dict())
    wardrobe = Wardrobe(gpt)
    with wardrobe.wearing(adapters):
        gpt(torch.randint(0, 40, (1, 9))).logsumexp(-1).sum().backward()
    assert all(p.grad is not None for p in adapters.parameters())
    assert all(p.grad is None for p in gpt.parameters())
    assert all(torch.equal(x, before[name]) for name, x in gpt.state_dict().items())


def test_two_sets_are_worn_in_turn(gpt: GPT) -> None:
    tokens, first, second = torch.randint(0, 40, (1, 9)), _taught(gpt), _taught(gpt)
    wardrobe = Wardrobe(gpt)
    with torch.no_grad(), wardrobe.wearing(first):
        with wardrobe.wearing(second):
            inner = gpt(tokens)
        assert not torch.allclose(gpt(tokens), inner)


def test_which_layers_learn_is_a_setting(gpt: GPT) -> None:
    adapters = Adapters(gpt, LoraConfig(layers=("q", "v")))
    assert [name for name, _ in adapters.items()] == [
        "blocks.0.attention.q",
        "blocks.0.attention.v",
        "blocks.1.attention.q",
        "blocks.1.attention.v",
    ]
    with pytest.raises(ValueError, match="no linear layer's name ends with wq"):
        Adapters(gpt, LoraConfig(layers=("wq",)))


def test_the_strength_follows_the_rank_or_its_root() -> None:
    assert LoraConfig(rank=16, alpha=32).scale == 2
    assert LoraConfig(rank=16, alpha=32, even=True).scale == 8
    with pytest.raises(ValueError, match="rank must be 1 or more"):
        LoraConfig(rank=0)
