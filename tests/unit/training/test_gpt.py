"""`GPT` beside `transformers`: the same logits for the same weights, in every family, both ways; and its own parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` isn't installed")

from aigc.errors import InvalidModelFile, UserError  # noqa: E402
from aigc.models.gpt import GPT, Cache, GPTConfig, Look, waves  # noqa: E402
from aigc.recipes.text import huggingface  # noqa: E402

SIZES: dict[str, Any] = {
    "vocab_size": 61,
    "max_position_embeddings": 32,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "rms_norm_eps": 1e-5,
}
STRETCH = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
GPT2 = {"vocab_size": 61, "n_positions": 32, "n_embd": 24, "n_layer": 2, "n_head": 4}
FAMILIES = {
    "gpt2": ("GPT2", GPT2),
    "llama": ("Llama", SIZES),
    "llama tied": ("Llama", {**SIZES, "tie_word_embeddings": True}),
    "llama stretched": ("Llama", {**SIZES, "rope_parameters": STRETCH}),
    "mistral": ("Mistral", {**SIZES, "sliding_window": 5}),
    "qwen2": ("Qwen2", {**SIZES, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {**SIZES, "head_dim": 10}),
}


def _theirs(name: str) -> Any:
    transformers = pytest.importorskip("transformers", reason="the extra `diffusers` isn't installed")
    kind, sizes = FAMILIES[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**sizes, attn_implementation="eager")
    model = getattr(transformers, f"{kind}ForCausalLM" if kind != "GPT2" else "GPT2LMHeadModel")(config).eval()
    for parameter in model.parameters():  # biases and norms that do nothing would hide mistakes
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_and_loss_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    model = _theirs(name)
    model.save_pretrained(tmp_path)
    gpt = huggingface.load(tmp_path).eval()
    tokens = torch.randint(0, 61, (2, 17))
    with torch.no_grad():
        told, ours = model(tokens, labels=tokens), gpt(tokens)
    assert torch.allclose(ours, told.logits, atol=2e-5)
    loss = torch.nn.functional.cross_entropy(ours[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(told.loss.item(), abs=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_saved_gives_the_same_logits_in_transformers(name: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the extra `diffusers` isn't installed")
    _theirs(name).save_pretrained(tmp_path / "theirs")
    gpt = huggingface.load(tmp_path / "theirs").eval()
    huggingface.save(gpt, tmp_path / "ours", dtype=torch.float32)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours", attn_implementation="eager").eval()
    tokens = torch.randint(0, 61, (1, 20))
    with torch.no_grad():
        assert torch.allclose(gpt(tokens), model(tokens).logits, atol=2e-5)
    again = huggingface.load(tmp_path / "ours")
    assert again.config == gpt.config


BASE: dict[str, Any] = {"vocabulary": 50, "context": 24, "width": 32, "layers": 3, "heads": 4}
FORMS = {
    "gpt2": GPTConfig(positions="learned", norm="layer", feed="gelu_tanh", biases="all", **BASE),
    "of 2017": GPTConfig(positions="sinusoidal", norm="layer", feed="gelu", biases="all", tied=False, **BASE),
    "today": GPTConfig(key_heads=2, norm_qk=True, window=7, **BASE),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_token_at_a_time_gives_the_logits_of_all_at_once(form: str) -> None:
    torch.manual_seed(1)
    gpt = GPT(FORMS[form]).eval()
    tokens = torch.randint(0, 50, (2, 20))
    with torch.no_grad():
        whole = gpt(tokens)
        cache = Cache()
        parts = [gpt(tokens[:, :6], cache=cache), gpt(tokens[:, 6:11], cache=cache)]
        parts += [gpt(tokens[:, i : i + 1], cache=cache) for i in range(11, 20)]
    assert torch.allclose(whole, torch.cat(parts, dim=1), atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_texts_packed_into_a_row_do_not_see_each_other(form: str) -> None:
    torch.manual_seed(2)
    gpt = GPT(FORMS[form]).eval()
    first, second = torch.randint(0, 50, (1, 9)), torch.randint(0, 50, (1, 12))
    segments = torch.tensor([[0] * 9 + [1] * 12])
    with torch.no_grad():
        packed = gpt(torch.cat([first, second], dim=1), segments=segments)
        assert torch.allclose(packed[:, :9], gpt(first), atol=1e-5)
        assert torch.allclose(packed[:, 9:], gpt(second), atol=1e-5)


def test_no_token_sees_what_follows_it() -> None:
    torch.manual_seed(3)
    gpt = GPT(FORMS["today"]).eval()
    tokens = torch.randint(0, 50, (1, 16))
    changed = tokens.clone()
    changed[0, 10] = (changed[0, 10] + 1) % 50
    with torch.no_grad():
        difference = (gpt(tokens) - gpt(changed)).abs().amax(-1)[0]
    assert difference[:10].max() == 0
    assert difference[10:].min() > 0


def test_a_look_keeps_shares_that_sum_to_one_and_changes_nothing() -> None:
    torch.manual_seed(4)
    gpt = GPT(FORMS["today"]).eval()
    tokens, look = torch.randint(0, 50, (1, 12)), Look()
    with torch.no_grad():
        assert torch.allclose(gpt(tokens, look=look), gpt(tokens), atol=1e-5)
    assert [tuple(a.shape) for a in look.attention] == [(1, 4, 12, 12)] * 3
    assert len(look.states) == 4
    for shares in look.attention:
        assert torch.allclose(shares.sum(-1), torch.ones(1, 4, 12))
        assert shares[0, 0, 11, :5].max() == 0, "outside of the window"


def test_recomputing_gives_the_same_gradients() -> None:
    torch.manual_seed(5)
    gpt = GPT(FORMS["today"]).train()
    tokens = torch.randint(0, 50, (2, 12))
    gpt(tokens).logsumexp(-1).sum().backward()
    kept = {name: p.grad.clone() for name, p in gpt.named_parameters()}
    gpt.zero_grad()
    gpt.recompute = True
    gpt(tokens).logsumexp(-1).sum().backward()
    assert all(torch.allclose(p.grad, kept[name], atol=1e-6) for name, p in gpt.named_parameters())


def test_waves_are_those_of_the_paper() -> None:
    told = waves(torch.tensor([[3]]), 6)[0, 0].tolist()
    expected = [0.14112, -0.98999, 0.13880, 0.99032, 0.00646, 0.99998]
    assert told == pytest.approx(expected, abs=1e-5)


def test_generating_takes_the_likeliest_and_ends_at_the_end() -> None:
    torch.manual_seed(6)
    gpt = GPT(FORMS["gpt2"]).eval()
    start = torch.tensor([4, 8, 15])
    made = list(gpt.generate(start, 6))
    whole = start.tolist()
    for token in made:
        with torch.no_grad():
            assert int(gpt(torch.tensor([whole]))[0, -1].argmax()) == token
        whole.append(token)
    assert list(gpt.generate(start, 6, end=made[2])) == made[: made.index(made[2]) + 1]
    assert len(list(gpt.generate(start, 100))) == 21, "the context holds 24"


def test_a_longer_sequence_than_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="25 tokens; accepted: at most 24"):
        GPT(FORMS["today"])(torch.zeros(1, 25, dtype=torch.long))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model_type": "bert"}, "the checkpoint is a 'bert' model; accepted: gpt2, llama, mistral, qwen2, qwen3"),
        ({"model_type": "llama", "hidden_act": "relu"}, "hidden_act is 'relu'; accepted: 'silu'"),
        ({"model_type": "llama", "rope_scaling": {"type": "yarn"}}, "rope_scaling is of type 'yarn'"),
        ({"model_type": "qwen2", "use_sliding_window": True}, "use_sliding_window is True; accepted: False"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(settings: dict[str, Any], told: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**SIZES, **settings}))
    with pytest.raises(UserError, match=told):
        huggingface.load(tmp_path)


def test_pickled_weights_and_missing_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InvalidModelFile, match="describes no model"):
        huggingface.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**SIZES, "model_type": "llama"}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(InvalidModelFile, match="holds no safetensors file") as caught:
        huggingface.load(tmp_path)
    assert "can run code" in (caught.value.hint or "")


def test_a_form_of_no_family_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no published family of models has this form"):
        huggingface.save(GPT(FORMS["of 2017"]), tmp_path)
