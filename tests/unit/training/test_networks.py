"""Networks against closed forms and torch's own operations."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from aigc.models.gan import Caption, Critic, Encoder, GANConfig, Generator, PatchCritic  # noqa: E402
from aigc.models.layers import Conv2d, time_features, wrap_around  # noqa: E402
from aigc.models.restorer import TASKS, Restorer, RestorerConfig, thumbnail  # noqa: E402
from aigc.models.vae import VAE, VAEConfig, kl_divergence  # noqa: E402


def test_a_wrapping_convolution_equals_torchs_circular_padding() -> None:
    conv = Conv2d(3, 5, 3, padding=1)
    x = torch.randn(2, 3, 6, 8)
    rows = torch.nn.functional.pad(x, (1, 1, 0, 0), mode="circular")
    expected = torch.nn.functional.conv2d(rows, conv.weight, conv.bias, padding=(1, 0))
    with wrap_around(conv):
        torch.testing.assert_close(conv(x), expected)
    torch.testing.assert_close(conv(x), torch.nn.functional.conv2d(x, conv.weight, conv.bias, padding=1))


def test_a_turned_panorama_decodes_to_the_turned_picture() -> None:
    torch.manual_seed(0)
    vae = VAE(VAEConfig(latent=4, widths=(16, 16, 32), blocks=1)).eval()
    z = torch.randn(1, 4, 4, 8)
    with wrap_around(vae), torch.no_grad():
        straight, turned = vae.decode(z), vae.decode(z.roll(3, dims=-1))
    torch.testing.assert_close(turned, straight.roll(12, dims=-1), atol=1e-5, rtol=1e-4)


def test_a_vae_of_four_levels_makes_an_eighth_of_the_side() -> None:
    vae = VAE(VAEConfig(widths=(16, 16, 16, 16), blocks=1)).eval()
    x = torch.randn(2, 3, 32, 64)
    mean, logvar = vae.encode(x)
    assert mean.shape == logvar.shape == (2, 8, 4, 8)
    assert vae.decode(mean).shape == (2, 3, 32, 64)


def test_a_vae_names_sides_that_it_can_not_halve() -> None:
    with pytest.raises(ValueError, match="multiples of 2, got"):
        VAE(VAEConfig(widths=(16, 16))).encode(torch.zeros(1, 3, 31, 32))


def test_the_prior_equals_torchs_divergence_of_two_normal_distributions() -> None:
    mean, logvar = torch.randn(4, 8), torch.randn(4, 8)
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(normal(mean, (logvar / 2).exp()), normal(0.0, 1.0)).mean()
    torch.testing.assert_close(kl_divergence(mean, logvar), exact)


def test_a_restorer_begins_as_the_identity_at_any_size() -> None:
    model = Restorer(RestorerConfig(width=8, encoder=(1, 1), middle=1, decoder=(1, 1))).eval()
    x = torch.rand(1, 3, 37, 51)
    made = model(x, torch.zeros(1, 1, 37, 51), torch.zeros(1, len(TASKS)), thumbnail(x))
    torch.testing.assert_close(made, x)


def test_the_adversarial_networks_have_the_shapes_they_promise() -> None:
    config = GANConfig(side=16, noise=8, text=12, widths=(32, 16), seen=(16, 32))
    said = torch.randint(0, 9, (3, 5)), torch.randint(0, 4, (3, 5))
    made = Generator(config)(torch.randn(3, 8), *said)
    assert made.shape == (3, 3, 16, 16)
    assert float(made.detach().abs().max()) <= 1
    assert Critic(config)(made, *said).shape == (3,)
    assert [x.shape for x in Encoder(config)(made, *said)] == [(3, 8), (3, 8)]
    assert PatchCritic(16)(torch.randn(1, 3, 64, 64)).shape == (1, 1, 6, 6)


def test_a_caption_says_which_thing_has_the_colour_and_not_in_which_order_it_was_said() -> None:
    torch.manual_seed(0)
    caption = Caption(GANConfig(side=16, text=12, widths=(32, 16), seen=(16, 32)))

    def said(*concepts: tuple[int, int]) -> torch.Tensor:
        numbers, places = torch.tensor([*concepts, (0, 0)]).T[:, None]
        return caption(numbers, places)

    red_fox_blue_car = said((70, 0), (1, 0), (74, 1), (42, 1))
    torch.testing.assert_close(said((74, 1), (42, 1), (70, 0), (1, 0)), red_fox_blue_car)
    assert not torch.allclose(said((74, 0), (1, 0), (70, 1), (42, 1)), red_fox_blue_car)


def test_time_features_at_zero_are_ones_and_zeros() -> None:
    found = time_features(torch.tensor([0.0]), 6)
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]))
