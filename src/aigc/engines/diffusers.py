"""Stable Diffusion, SDXL, SD3, FLUX, Qwen-Image and their like, through diffusers; for those who installed the extra.

The one file of the serving tower that imports torch: inside its functions, in the worker of such a model and nowhere
else. It adds what pipelines lack: a sign of life within a step that takes minutes, an end within a step for work that
nobody waits for, pixels outside of a mask that stay to the bit.

Knows: diffusers, torch. Does not know: what a folder may hold, what may be asked (`diffusers_folder`,
`diffusers_limits`), HTTP, files of pictures.
Source: diffusers' documentation, "Pipeline callbacks" and "Reproducibility".
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aigc.engines.base import LoadOptions, Painting, Report
from aigc.engines.diffusers_folder import PipelineFolder, PipelineSettings, read
from aigc.engines.diffusers_limits import Job, Limits
from aigc.engines.image_given import merged
from aigc.errors import EngineError, EngineMissing, InvalidModelFile
from aigc.pictures import rasters
from aigc.types import JSON, EngineFile, ImageRequest, ModelSpec, PictureRequest, Raster

if TYPE_CHECKING:
    from PIL.Image import Image

_PULSE_SECONDS = 1.0


class DiffusersPainter:
    """See `aigc.engines.base.Painter`."""

    def __init__(self, spec: ModelSpec, file: EngineFile, options: LoadOptions) -> None:
        import torch

        torch.set_num_threads(options.threads)
        folder = Path(file.path)
        self._model = read(folder)
        self._pulse = _Pulse()
        self._pipelines = _load(folder, self._model)
        for component in self._pipelines["words"].components.values():
            if isinstance(component, torch.nn.Module):
                self._pulse.follow(component)
        self._limits = Limits(self._model, self._pipelines)
        self.fingerprint = f"diffusers-{_version('diffusers')}-{spec.digest[:12]}"

    def check(self, request: PictureRequest) -> None:
        """See `aigc.engines.base.Painter.check`."""
        self._limits.job(request)

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        """See `aigc.engines.base.Painter.paint`."""
        import torch

        job = self._limits.job(request)
        assert isinstance(request, ImageRequest)
        seed = (request.seed + index) % 2**63
        pipe = self._pipelines[job.kind]
        # On the CPU whatever the device: the same seed is the same noise everywhere.
        generator = torch.Generator("cpu").manual_seed(seed)
        shown = _shown(request.previews, job)

        def step_done(pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            self._pulse.step = step + 1
            self._pulse.steps = pipe.num_timesteps
            look = step + 1 in shown
            report(step + 1, pipe.num_timesteps, _preview(pipe, tensors["latents"], job) if look else None)
            return tensors

        with self._pulse.telling(report, job.steps):
            result = pipe(
                generator=generator, output_type="pil", callback_on_step_end=step_done, **self._arguments(request, job)
            )
        image = _raster(result.images[0], job)
        facts = self._facts(job, result)
        return Painting(image=image, seed=seed, facts=facts)

    def close(self) -> None:
        """Free the model."""
        self._pipelines.clear()

    def _arguments(self, request: ImageRequest, job: Job) -> dict[str, Any]:
        from PIL import Image

        found: dict[str, Any] = {"prompt": request.prompt, "num_inference_steps": job.steps}
        if self._limits.guidance_name is not None:
            found[self._limits.guidance_name] = job.guidance
        if self._limits.guidance_name == "true_cfg_scale":
            found["negative_prompt"] = " "  # without one, this family guides nothing
        if job.given is not None:
            found["image"] = Image.fromarray(job.given.work)
            found["strength"] = job.strength
            if job.given.painted is not None:
                found["mask_image"] = Image.fromarray((job.given.painted * 255).astype(np.uint8))
        if self._limits.takes_size(job.kind):
            found |= {"width": job.width, "height": job.height}
        return found

    def _facts(self, job: Job, result: Any) -> JSON:
        facts: JSON = {"steps": job.steps, "scheduler": type(self._pipelines["words"].scheduler).__name__}
        if job.guidance is not None:
            facts["guidance"] = job.guidance
        if job.strength is not None:
            facts["strength"] = job.strength
        if self._model.settings.loras:
            facts["loras"] = [lora.file for lora in self._model.settings.loras]
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            facts["blackened"] = "by the safety checker of the model"
        return facts


class _Pulse:
    """Reports that the work goes on, from within the networks. What the report raises ends the work there."""

    def __init__(self) -> None:
        self.step = self.steps = 0
        self._report: Report | None = None
        self._last = 0.0

    def follow(self, network: Any) -> None:
        """Hear of every layer that is computed."""
        for layer in network.modules():
            if not any(True for _ in layer.children()):
                layer.register_forward_hook(self._beat)

    def telling(self, report: Report, steps: int) -> _Pulse:
        """For a ``with`` block: whom to tell."""
        self._report, self.step, self.steps, self._last = report, 0, steps, time.monotonic()
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._report = None

    def _beat(self, *_: object) -> None:
        now = time.monotonic()
        if self._report is not None and now - self._last > _PULSE_SECONDS:
            self._last = now
            self._report(self.step, self.steps, None)


def _load(folder: Path, model: PipelineFolder) -> dict[str, Any]:
    """The pipeline, and its siblings for pictures and masks, by `Job.kind`.

    Raises: EngineMissing: a library isn't there; InvalidModelFile: the folder can't be loaded.
    """
    import diffusers
    import torch
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    device = model.settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise EngineMissing("aigc.json asks for CUDA, and torch finds none", hint="leave `device` out of aigc.json")
    dtype = getattr(torch, model.settings.dtype or ("float32" if device == "cpu" else "bfloat16"))
    try:
        pipe = getattr(diffusers, model.pipeline).from_pretrained(
            str(folder),
            dtype=dtype,
            variant=model.variant,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise InvalidModelFile(f"diffusers can't load {folder.name}: {error}") from error
    _set_scheduler(pipe, model.settings)
    _add_loras(pipe, folder, model.settings)
    pipe = pipe.to(device)
    pipelines = {"words": pipe}
    if "image_edit" in model.capabilities:
        pipelines["picture"] = diffusers.AutoPipelineForImage2Image.from_pipe(pipe)
        pipelines["mask"] = diffusers.AutoPipelineForInpainting.from_pipe(pipe)
    for one in pipelines.values():
        one.set_progress_bar_config(disable=True)
    return pipelines


def _set_scheduler(pipe: Any, settings: PipelineSettings) -> None:
    import diffusers

    if settings.scheduler is None:
        return
    fitting = {kind.__name__ for kind in pipe.scheduler.compatibles}
    if settings.scheduler not in fitting:
        raise InvalidModelFile(
            f"aigc.json names the scheduler {settings.scheduler!r}; accepted: {', '.join(sorted(fitting))}"
        )
    pipe.scheduler = getattr(diffusers, settings.scheduler).from_config(pipe.scheduler.config)


def _add_loras(pipe: Any, folder: Path, settings: PipelineSettings) -> None:
    names = []
    for number, lora in enumerate(settings.loras):
        name = f"lora{number}"
        path = folder / lora.file
        try:
            pipe.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=name, use_safetensors=True, local_files_only=True
            )
        except ImportError as error:
            raise EngineMissing("LoRA files need the package peft", hint="pip install peft") from error
        except Exception as error:
            raise InvalidModelFile(f"diffusers can't load {lora.file}: {error}") from error
        if not any(name in adapters for adapters in pipe.get_list_adapters().values()):
            raise InvalidModelFile(f"{lora.file} changes no layer of this pipeline: it was made for another one")
        names.append(name)
    if names:
        pipe.set_adapters(names, [lora.scale for lora in settings.loras])


def _preview(pipe: Any, latents: Any, job: Job) -> Raster:
    """What the picture looks like now."""
    import torch

    if hasattr(pipe, "_unpack_latents"):
        latents = pipe._unpack_latents(latents, job.height, job.width, pipe.vae_scale_factor)
    config = pipe.vae.config
    with torch.no_grad():
        scaled = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
        decoded = pipe.vae.decode(scaled.to(pipe.vae.dtype), return_dict=False)[0]
    image: Image = pipe.image_processor.postprocess(decoded, output_type="pil")[0]
    return rasters.from_image(image)


def _raster(image: Image, job: Job) -> Raster:
    """The answer of the pipeline in its place. Raises: EngineError: it has another size than was asked for."""
    if image.size != (job.width, job.height):
        raise EngineError(f"the pipeline made {image.size[0]}x{image.size[1]} instead of {job.width}x{job.height}")
    if job.given is None:
        return rasters.from_image(image)
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
    return merged(pixels, job.given)


def _shown(previews: int, job: Job) -> set[int]:
    """Steps after which an unfinished picture is shown."""
    taken = job.steps if job.strength is None else max(1, int(job.steps * job.strength))
    return {max(1, round(taken * (number + 1) / (previews + 1))) for number in range(previews)}


def _version(library: str) -> str:
    from importlib.metadata import version

    return version(library)
