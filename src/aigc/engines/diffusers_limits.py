"""What a loaded pipeline of diffusers can be asked, and what a request means to it.

Pipelines cut prompts that are too long, round sizes and ignore what they don't know, with a warning in a log. Here all
of that is found out before, and refused by name.

Knows: attributes and signatures of pipelines. Does not know: torch, how a pipeline is loaded or run.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

from aigc.engines.diffusers_folder import PipelineFolder
from aigc.engines.image_given import Given, prepared
from aigc.errors import ContextOverflow, UnsupportedParameter, UserError
from aigc.types import ImageRequest, PictureRequest

_MOST_STEPS = 1000
_LARGEST = 4
"""Times the side that the pipeline was made for."""
_USUAL_SIDE = 128
"""Of the latent, where a pipeline doesn't say it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request with everything decided."""

    kind: str
    """``words``, ``picture`` or ``mask``: which sibling of the pipeline runs."""
    width: int
    height: int
    steps: int
    """As the pipeline is told them; of an edit, it takes the share that ``strength`` says."""
    guidance: float | None
    """None: this pipeline has none."""
    strength: float | None
    given: Given | None


class Limits:
    """What one pipeline can do.

    Args:
        model: the folder that it is from.
        pipelines: by `Job.kind`.
    """

    def __init__(self, model: PipelineFolder, pipelines: dict[str, Any]) -> None:
        self._model = model
        self._pipelines = pipelines
        pipe = pipelines["words"]
        factor = int(pipe.vae_scale_factor)
        network = getattr(pipe, "unet", None) or pipe.transformer
        side = getattr(pipe, "default_sample_size", None) or getattr(network.config, "sample_size", None)
        # Transformers see latents in patches of two.
        self.multiple = factor if getattr(pipe, "unet", None) is not None else 2 * factor
        self.side = factor * (side if isinstance(side, int) else _USUAL_SIDE)
        self.guidance_name = _guidance_name(model.pipeline, network)
        self.shows_previews = type(pipe.vae).__name__ == "AutoencoderKL"

    def job(self, request: PictureRequest) -> Job:
        """Everything decided. Raises: UserError, by name, for what this pipeline can't do."""
        if not isinstance(request, ImageRequest):
            raise UserError("this model mends no photographs", param="model", hint="ask aigc-restore")
        self._refuse(request)
        kind = "words" if request.image is None else "picture" if request.mask is None else "mask"
        if kind not in self._pipelines:
            raise UnsupportedParameter(f"{self._model.pipeline} begins with words only", param="image")
        defaults = inspect.signature(self._pipelines[kind].__call__).parameters
        self._check_prompt(request.prompt, defaults)
        steps = request.steps or self._model.settings.steps or int(defaults["num_inference_steps"].default)
        if steps > _MOST_STEPS:
            raise UserError(f"steps is {steps}; accepted: 1 to {_MOST_STEPS}", param="steps")
        guidance = self._guidance(request.guidance, defaults)
        if request.image is None:
            width, height = self._size(request)
            return Job(kind, width, height, steps, guidance, None, None)
        strength = float(defaults["strength"].default) if request.strength is None else request.strength
        if int(steps * strength) < 1:
            raise UserError(
                f"strength is {strength}, of {steps} steps none is left; accepted: {1 / steps:.3g} to 1",
                param="strength",
                hint="more steps allow less strength",
            )
        given = prepared(request.image, request.mask, self._working_size)
        height, width = given.work.shape[:2]
        return Job(kind, width, height, steps, guidance, strength, given)

    def takes_size(self, kind: str) -> bool:
        """Whether the pipeline of that kind is told the size; others take it from the picture."""
        return "width" in inspect.signature(self._pipelines[kind].__call__).parameters

    def _refuse(self, request: ImageRequest) -> None:
        name = self._model.pipeline
        if request.panorama:
            raise UserError(f"{name} makes no panoramas", param="model", hint="ask aigc-scenes")
        if request.transparent:
            raise UnsupportedParameter(f"{name} paints every pixel", param="background", hint="ask aigc-scenes")
        if request.style is not None:
            raise UnsupportedParameter(f"{name} knows no styles by name", param="style", hint="say it in the prompt")
        if request.previews and not self.shows_previews:
            raise UnsupportedParameter(f"{name} can't show unfinished pictures", param="partial_images")
        image = request.image
        if image is None:
            for param in ("mask", "strength"):
                if getattr(request, param) is not None:
                    raise UserError(f"{param} is given without a picture to change", param=param, hint="give an image")
        elif (request.width or image.width, request.height or image.height) != (image.width, image.height):
            raise UserError(
                f"size is {request.width}x{request.height}, the picture is {image.width}x{image.height}; "
                "accepted: the picture's own, or auto",
                param="size",
            )

    def _size(self, request: ImageRequest) -> tuple[int, int]:
        width, height = request.width or self.side, request.height or self.side
        most = _LARGEST * self.side
        able = [min(most, max(self.multiple, self._rounded(side))) for side in (width, height)]
        if able != [width, height]:
            raise UserError(
                f"size is {width}x{height}; accepted: multiples of {self.multiple} up to {most}",
                param="size",
                hint=f"the nearest size is {able[0]}x{able[1]}; this model was made for {self.side}x{self.side}",
            )
        return width, height

    def _working_size(self, width: int, height: int) -> tuple[int, int]:
        """For a part of a picture: its proportions, and no more pixels than the pipeline was made for."""
        shrink = min(1.0, self.side / math.sqrt(width * height))
        sides = [max(self.multiple, self._rounded(round(side * shrink))) for side in (width, height)]
        return sides[0], sides[1]

    def _rounded(self, side: int) -> int:
        return round(side / self.multiple) * self.multiple

    def _guidance(self, asked: float | None, defaults: Any) -> float | None:
        if self.guidance_name is None:
            if asked is not None:
                raise UnsupportedParameter(f"this {self._model.pipeline} has no guidance", param="guidance")
            return None
        own = self._model.settings.guidance
        usual = float(defaults[self.guidance_name].default)
        return asked if asked is not None else own if own is not None else usual

    def _check_prompt(self, prompt: str, defaults: Any) -> None:
        pipe = self._pipelines["words"]
        names = ("tokenizer", "tokenizer_2", "tokenizer_3")
        tokenizers = [found for name in names if (found := getattr(pipe, name, None)) is not None]
        most = defaults["max_sequence_length"].default if "max_sequence_length" in defaults else math.inf
        # With a large text encoder behind small ones, it is the last one that reads all of the prompt.
        for tokenizer in tokenizers[-1:] if most < math.inf else tokenizers:
            limit = min(most, tokenizer.model_max_length)
            tokens = len(tokenizer(prompt, truncation=False, verbose=False).input_ids)
            if tokens > limit:
                raise ContextOverflow(
                    f"the prompt has {tokens} tokens, and this model reads {limit} of a prompt",
                    param="prompt",
                    hint="say it in fewer words",
                )


def _guidance_name(pipeline: str, network: Any) -> str | None:
    """The parameter that says how strictly the prompt is followed; None: this model was distilled and has none."""
    if pipeline == "QwenImagePipeline":
        return "true_cfg_scale"
    if pipeline == "FluxPipeline" and not network.config.guidance_embeds:
        return None
    return "guidance_scale"
