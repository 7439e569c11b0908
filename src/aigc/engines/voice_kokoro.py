"""Kokoro-82M as 8-bit ONNX: phonemes in, speech out.

Source: hexgrad/Kokoro-82M (StyleTTS 2 with an ISTFTNet decoder); the export of kokoro-onnx with inputs tokens, style
and speed. It runs on ONNX Runtime: with these 8-bit weights OpenVINO is no faster and takes several times the memory
(docs/lab/LOG.md).

Knows: the files of the model. Does not know: languages, words, levels.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from aigc.errors import EngineError, InvalidModelFile
from aigc.sounds.levels import Floats
from aigc.types import EngineFile

MODEL, VOICES, VOCABULARY = "kokoro.onnx", "voices.npz", "vocab.json"
_MEMORY_BYTES = 1_400_000_000
_MOST_TOKENS = 508
_STYLE = (510, 1, 256)


class _Vocabulary(msgspec.Struct):
    vocab: dict[str, int]


class Kokoro:
    """A loaded model with its voices.

    Args:
        folder: with `MODEL`, `VOICES` and `VOCABULARY`.
        threads: to compute with.
    Raises:
        InvalidModelFile: a file is missing or damaged.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = False  # with it, memory grows with every new length of a sentence
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting burned a third of the time
        options.log_severity_level = 3
        try:
            self._tokens = msgspec.json.decode((folder / VOCABULARY).read_bytes(), type=_Vocabulary).vocab
            with np.load(folder / VOICES, allow_pickle=False) as voices:
                self._styles = {name: np.asarray(voices[name], np.float32) for name in voices.files}
            self._session = ort.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise InvalidModelFile(f"{folder} can't be read as a Kokoro model: {error}") from error
        if any(style.shape != _STYLE for style in self._styles.values()):
            raise InvalidModelFile(f"{folder / VOICES} has voices of another form")

    def speak(self, phonemes: str, voice: str, speed: float) -> Floats:
        """A sentence.

        Args:
            phonemes: in misaki's alphabet.
            voice: its name in `VOICES`.
            speed: 0.5 to 2.
        Raises:
            EngineError: a phoneme or a voice that the model does not have.
        """
        strange = sorted({char for char in phonemes if char not in self._tokens})
        if strange or voice not in self._styles:
            raise EngineError(f"the Chinese model has no {'phoneme ' + strange[0] if strange else 'voice ' + voice!r}")
        pieces = [self._run(piece, voice, speed) for piece in _pieces(phonemes)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _run(self, phonemes: str, voice: str, speed: float) -> Floats:
        ids = [self._tokens[char] for char in phonemes]
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._styles[voice][len(ids) - 1],
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self._session.run(None, inputs)[0], np.float32).ravel()


def _pieces(phonemes: str) -> list[str]:
    """What the model takes at one go; longer ones are cut at spaces where there are any."""
    made = []
    while len(phonemes) > _MOST_TOKENS:
        at = phonemes.rfind(" ", 1, _MOST_TOKENS)
        at = _MOST_TOKENS if at < 0 else at
        made.append(phonemes[:at])
        phonemes = phonemes[at:]
    return [*made, phonemes]


def prepare(weights: Path, folder: Path, on_progress: object) -> EngineFile:
    """Check that the files are those of such a model; nothing is converted. Raises: InvalidModelFile."""
    missing = [name for name in (MODEL, VOICES, VOCABULARY) if not (weights / name).is_file()]
    if missing:
        raise InvalidModelFile(f"{weights} has no {', '.join(missing)}")
    return EngineFile(engine="voice", path=str(weights), memory_bytes=_MEMORY_BYTES)
