"""The flow model and its sampler against closed forms and torch's own attention."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from aigc.models.flow import Attention, FlowConfig, FlowTransformer, positions, rotate  # noqa: E402
from aigc.recipes.image.shorten import Shortened  # noqa: E402
from aigc.training.sampling import draw_times, euler, guided, mix, times  # noqa: E402


def test_the_sampler_follows_the_analytic_flow_of_a_normal_distribution() -> None:
    """Pictures from N(3, 0.5): noise n arrives at 3 + 0.5 n, on x_t = 3 (1 - t) + n sqrt(0.25 (1 - t)^2 + t^2)."""

    def velocity(x, t):
        t = t[:, None]
        spread = 0.25 * (1 - t) ** 2 + t**2
        return -3.0 + (x - 3 * (1 - t)) * (t - 0.25 * (1 - t)) / spread

    noise = torch.tensor([[-1.5], [0.0], [0.3], [2.0]], dtype=torch.float64)
    made = euler(velocity, noise, times(2000))
    torch.testing.assert_close(made, 3 + 0.5 * noise, atol=5e-3, rtol=0)


def test_halving_the_steps_doubles_the_error_of_eulers_method() -> None:
    exact = torch.exp(torch.tensor(-1.0))
    errors = [abs(float(euler(lambda x, t: x, torch.ones(1, 1), times(n)) - exact)) for n in (100, 200)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


def test_mixing_ends_at_the_picture_and_at_the_noise() -> None:
    x, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    mixed, velocity = mix(x, noise, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(mixed[0], x[0])
    torch.testing.assert_close(mixed[1], noise[1])
    torch.testing.assert_close(velocity, noise - x)


def test_times_of_training_are_logit_normal() -> None:
    torch.manual_seed(0)
    t = draw_times(20_000, torch.device("cpu"))
    assert float(t.logit().mean()) == pytest.approx(0, abs=0.03)
    assert float(t.logit().std()) == pytest.approx(1, abs=0.03)


def test_times_that_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="must fall strictly"):
        euler(lambda x, t: x, torch.ones(1, 1), torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="steps must be 1 or more"):
        times(0)


def test_guidance_of_one_is_the_caption_alone() -> None:
    told, untold = torch.randn(2, 3), torch.randn(2, 3)
    torch.testing.assert_close(guided(told, untold, 1.0), told)


def test_attention_equals_torchs_multi_head_attention() -> None:
    torch.manual_seed(0)
    ours = Attention(24, 3)
    theirs = torch.nn.MultiheadAttention(24, 3, bias=False, batch_first=True)
    theirs.in_proj_weight.data.copy_(ours.qkv.weight)
    theirs.out_proj.weight.data.copy_(ours.mix.weight)
    # Without the norms: queries and keys as they come.
    ours.norm_q, ours.norm_k = torch.nn.Identity(), torch.nn.Identity()
    x, seen = torch.randn(2, 7, 24), torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    expected, _ = theirs(x, x, x, key_padding_mask=~seen, need_weights=False)
    torch.testing.assert_close(ours(x, seen[:, None, None], None), expected, atol=1e-5, rtol=1e-4)


def test_rotary_products_depend_on_the_distance_only_and_wrap_in_panoramas() -> None:
    turns = positions(2, 8, 16, 0, True, torch.device("cpu"))
    q = rotate(torch.ones(1, 1, 16, 16), *turns)[0, 0].view(2, 8, 16)
    near = (q[0, 0] * q[0, 1]).sum()
    torch.testing.assert_close((q[1, 4] * q[1, 5]).sum(), near)
    torch.testing.assert_close((q[0, 7] * q[0, 0]).sum(), near)


def test_what_stands_where_no_token_is_changes_nothing() -> None:
    torch.manual_seed(0)
    net = FlowTransformer(FlowConfig(latent=4, width=32, layers=2, heads=2, text=8, text_layers=1)).eval()
    torch.nn.init.normal_(net.out.weight)
    x, known, t = torch.randn(1, 4, 4, 4), torch.zeros(1, 5, 4, 4), torch.tensor([0.4])
    present = torch.tensor([[True, True, False]])
    one, other = (net(x, t, *net.read(torch.tensor([[65, 66, last]]), present), known) for last in (0, 99))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("levels", [(), (16,), (16, 32)])
def test_a_panorama_that_is_turned_gives_the_turned_velocity(levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    patch = 1 << len(levels) if levels else 2
    net = FlowTransformer(FlowConfig(latent=4, patch=patch, levels=levels, width=32, layers=2, heads=2, text=16))
    for p in net.parameters():
        p.data += 0.05 * torch.randn_like(p)
    x, known, t = torch.randn(1, 4, 8, 16), torch.zeros(1, 5, 8, 16), torch.tensor([0.4])
    tokens, seen = net.eval().read(torch.tensor([[3, 5]]), torch.tensor([[True, True]]))
    seen = torch.zeros_like(seen)  # text stands at a fixed place, from which turned patches are elsewhere
    plain = net(x, t, tokens, seen, known)
    turned = net(x.roll(4, -1), t, tokens, seen, known)
    torch.testing.assert_close(turned, plain.roll(4, -1), atol=1e-4, rtol=1e-4)


def test_levels_see_the_neighbours_of_a_patch_and_an_answer_given_at_run_time_is_the_same() -> None:
    torch.manual_seed(0)
    net = FlowTransformer(FlowConfig(latent=4, patch=2, levels=(16,), width=32, layers=1, heads=2, text=16)).eval()
    for p in net.parameters():
        p.data += 0.05 * torch.randn_like(p)
    x, known, t = torch.randn(1, 4, 8, 16), torch.zeros(1, 5, 8, 16), torch.tensor([0.4])
    tokens, seen = net.read(torch.tensor([[3]]), torch.tensor([[True]]))
    turns = positions(4, 8, 16, tokens.shape[1], True, torch.device("cpu"))
    asked = net(x, t, tokens, seen, known, turns, torch.ones(1))
    torch.testing.assert_close(asked, net(x, t, tokens, seen, known))
    assert not torch.allclose(asked, net(x, t, tokens, seen, known, turns, torch.zeros(1)))


def test_levels_that_do_not_make_the_patch_are_refused() -> None:
    with pytest.raises(ValueError, match="patch must be 2"):
        FlowConfig(patch=2, levels=(16, 32))


def test_a_perfect_pupil_has_no_loss_and_the_teacher_is_no_part_of_it() -> None:
    """A teacher that says the same everywhere is walked in one step without error, with any guidance."""
    torch.manual_seed(0)
    config = FlowConfig(latent=4, patch=2, width=32, layers=1, heads=2, text=16)
    teacher = FlowTransformer(config).eval()
    torch.nn.init.constant_(teacher.out.bias, 0.25)
    pupil = Shortened(config, teacher, steps=2, guidance=3.0)
    batch = {"latents": torch.randn(3, 4, 8, 8), "text": torch.tensor([[3, -1]] * 3), "given": torch.zeros(3, 1, 8, 8)}
    assert pupil(batch).item() < 1e-10
    assert set(pupil.state_dict()) == {f"net.{name}" for name in teacher.state_dict()}
