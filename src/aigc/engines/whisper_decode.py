"""One piece of sound, at most 30 seconds, to phrases with their times: Whisper on CTranslate2.

Whisper was trained on windows of 30 seconds, filled up with silence. The encoder takes two thirds of the time for a
short sentence, so it is given the piece and `_ROOM` of silence only, which makes a sentence three times as fast. Where
that fails (text that repeats itself, or words that are hardly believed), the piece is computed once more as it was
trained; there is no further try, whatever the result.

Knows: mel frames, tokens, times within a piece. Does not know: files, where silence is, events.
Source: Radford et al. 2022, arXiv:2212.04356, sections 2 and 4.5; the numbers are those of openai-whisper.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.types import SpokenWord

PROMPT_TOKENS = 223
"""Most tokens of what was said before: half of the context, without the token that announces them."""
_BEAM = 5
_FRAMES = 3000
_FRAMES_A_SECOND = 100
_ROOM = 200
"""Frames of silence behind a short piece. With 100 both models begin to repeat themselves (docs/lab/LOG.md)."""
_LEAST_FRAMES = 1000
"""With 500 the English model says one short sentence in five several times over, with 800 none (docs/lab/LOG.md)."""
_NEARLY = 0.95
_LEAST_TOKENS, _TOKENS_A_SECOND = 24, 14
"""Nobody says more in that time: a text that is longer repeats itself, and every token of it takes time."""
_SECONDS_A_TIME_TOKEN = 0.02
_REPEATS = 2.4
_UNLIKELY = -1.0
_SILENT = 0.6
_BEFORE, _BEHIND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Marks that belong to the word behind them, and to the word before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is the same for all pieces of a sound."""

    language: str
    translate: bool
    temperature: float
    words: bool


@dataclass(slots=True)
class Phrase:
    """A part of a piece; times are seconds since the piece began."""

    start: float
    end: float
    tokens: tuple[int, ...]
    """With those for its start and end: a model that sees them before goes on to tell times, sentence by sentence."""
    text: str
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What was understood of a piece."""

    phrases: tuple[Phrase, ...]
    until: float
    """Seconds of the piece that were looked at: less than all of it where the model stopped early."""
    mean_logprob: float
    compression_ratio: float
    silence: float

    @property
    def believed(self) -> bool:
        """Whether it looks like speech that was understood."""
        return self.compression_ratio <= _REPEATS and self.mean_logprob >= _UNLIKELY


class Decoder:
    """A loaded model. One call at a time.

    Args:
        folder: with the model, see `aigc.engines.whisper_folder`.
        threads: of the computation.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import faster_whisper

        self._model: Any = faster_whisper.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
        self.multilingual: bool = self._model.model.is_multilingual
        self.languages: tuple[str, ...] = tuple(self._model.supported_languages)
        self._frames = self._model.feature_extractor
        self._tokenizers: dict[tuple[str, bool], Any] = {}

    def count(self, text: str) -> int:
        """Tokens of a prompt."""
        return len(self._words_before(text))

    def before(self, text: str) -> list[int]:
        """A prompt as tokens."""
        return self._words_before(text)

    def language(self, samples: NDArray[np.float32]) -> tuple[str, float]:
        """The likeliest language of a piece, and its probability."""
        if not self.multilingual:
            return "en", 1.0
        token, probability = self._model.model.detect_language(self._encoded(samples, short=False)[0])[0][0]
        return token[2:-2], float(probability)

    def hear(self, samples: NDArray[np.float32], asked: Asked, before: list[int]) -> Heard:
        """What is said in a piece.

        Args:
            samples: (n,) at 16 kHz, at most 30 seconds.
            asked: how.
            before: tokens of what was said before; at most `PROMPT_TOKENS` of them are looked at, the last ones.
        """
        heard = self._hear(samples, asked, before[-PROMPT_TOKENS:], short=True)
        whole = len(samples) // self._frames.hop_length + _ROOM >= _FRAMES * _NEARLY
        if not heard.believed and (before or not whole):  # else it would be the same once more
            again = self._hear(samples, asked, [], short=False)
            if again.believed or again.mean_logprob > heard.mean_logprob:
                heard = again
        if heard.silence > _SILENT and heard.mean_logprob < _UNLIKELY:
            return Heard((), heard.until, heard.mean_logprob, heard.compression_ratio, heard.silence)
        return heard

    def _hear(self, samples: NDArray[np.float32], asked: Asked, before: list[int], *, short: bool) -> Heard:
        tokenizer = self._tokenizer(asked)
        prompt = self._model.get_prompt(tokenizer, before)
        seconds = len(samples) / self._frames.sampling_rate
        encoded, frames = self._encoded(samples, short=short)
        drawn: dict[str, float] = {"beam_size": _BEAM}
        if asked.temperature > 0:
            drawn = {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": asked.temperature}
        result = self._model.model.generate(
            encoded,
            [prompt],
            max_length=min(self._model.max_length, len(prompt) + _LEAST_TOKENS + int(_TOKENS_A_SECOND * seconds)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=list(self._suppressed(tokenizer)),
            max_initial_timestamp_index=50,
            **drawn,
        )[0]
        tokens = result.sequences_ids[0]
        phrases, until = _phrases(tokens, tokenizer, seconds)
        if asked.words and phrases:
            self._add_words(phrases, tokenizer, encoded, frames, seconds)
        data = "".join(phrase.text for phrase in phrases).encode()
        return Heard(
            phrases=tuple(phrases),
            until=until,
            # The score is the mean over the tokens without the one that ends the text; that one was judged as well.
            mean_logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
            compression_ratio=len(data) / len(zlib.compress(data)) if data else 1.0,
            silence=float(result.no_speech_prob),
        )

    def _encoded(self, samples: NDArray[np.float32], *, short: bool) -> tuple[Any, int]:
        """The encoder's states, and how many frames of them are sound."""
        hop = self._frames.hop_length
        frames = min(_FRAMES, len(samples) // hop)
        wanted = min(_FRAMES, max(_LEAST_FRAMES, frames + _ROOM)) if short else _FRAMES
        wanted += wanted % 2
        # Silence, not frames of zeros, which are no silence on the logarithmic scale: with those, the English model
        # begins to repeat itself.
        filled = np.pad(samples, (0, max(0, wanted * hop - len(samples))))
        return self._model.encode(self._frames(filled, padding=0)[:, :wanted]), frames

    def _add_words(self, phrases: list[Phrase], tokenizer: Any, encoded: Any, frames: int, seconds: float) -> None:
        parts: list[dict[str, Any]] = [
            {"seek": 0, "start": p.start, "end": p.end, "tokens": list(p.tokens)} for p in phrases
        ]
        self._model.add_word_timestamps([parts], tokenizer, encoded, frames, _BEFORE, _BEHIND, 0.0)
        for phrase, part in zip(phrases, parts, strict=True):
            phrase.words = tuple(
                SpokenWord(
                    start=min(float(word["start"]), seconds),
                    end=min(float(word["end"]), seconds),
                    text=word["word"],
                    probability=float(word["probability"]),
                )
                for word in part["words"]
            )
            phrase.start, phrase.end = min(float(part["start"]), seconds), min(float(part["end"]), seconds)

    def _words_before(self, text: str) -> list[int]:
        ids: list[int] = self._model.hf_tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids
        return ids

    def _tokenizer(self, asked: Asked) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        key = asked.language, asked.translate
        if key not in self._tokenizers:
            task = "translate" if asked.translate else "transcribe"
            self._tokenizers[key] = Tokenizer(
                self._model.hf_tokenizer, self.multilingual, task=task, language=asked.language
            )
        return self._tokenizers[key]

    @staticmethod
    def _suppressed(tokenizer: Any) -> tuple[int, ...]:
        from faster_whisper.transcribe import get_suppressed_tokens

        found: tuple[int, ...] = get_suppressed_tokens(tokenizer, [-1])
        return found


def _phrases(tokens: list[int], tokenizer: Any, seconds: float) -> tuple[list[Phrase], float]:
    """Cut at the tokens that stand for times. Returns: phrases, and the time that was reached."""
    first_time = tokenizer.timestamp_begin
    phrases: list[Phrase] = []
    start, text = 0.0, []
    for token in tokens:
        if token < first_time:
            text.append(token)
            continue
        time = min((token - first_time) * _SECONDS_A_TIME_TOKEN, seconds)
        if text:
            _add(phrases, start, time, text, tokenizer)
            text = []
        start = time
    if text:  # the model believes that it goes on behind the piece, or ran into its longest text
        _add(phrases, start, seconds, text, tokenizer)
        return phrases, seconds
    return phrases, phrases[-1].end if phrases else seconds


def _add(phrases: list[Phrase], start: float, end: float, tokens: list[int], tokenizer: Any) -> None:
    text = tokenizer.decode(tokens)
    if text.strip():
        times = [tokenizer.timestamp_begin + round(time / _SECONDS_A_TIME_TOKEN) for time in (start, max(start, end))]
        phrases.append(Phrase(start, max(start, end), (times[0], *tokens, times[1]), text))
