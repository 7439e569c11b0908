"""The process that converts one GGUF file: ``python -m aigc.engines.openvino_convert_worker FILE``.

Writes OpenVINO's files beside FILE, mends what they get wrong, and proves that the result answers.

Knows: OpenVINO's API and the faults of its GGUF reader. Does not know: downloads, final places.
"""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

from aigc.engines import gguf_header, openvino_folder, openvino_grammar, openvino_simplify, vocabulary

_BUILT_IN_LIMIT = 8192
"""OpenVINO's GGUF reader builds tokenizers that cut every text off here, without a word."""
_NO_LIMIT = 2**31 - 1
_PROOF_BLOCKS = 8


def main(source: Path) -> None:
    """Convert, mend, prove, describe."""
    import openvino_genai

    folder = source.parent
    header = gguf_header.read(source)
    openvino_genai.LLMPipeline(str(source), "CPU", enable_save_ov_model=True)
    lift_limit(folder)
    simplify(folder)
    size = len(header.metadata["tokenizer.ggml.tokens"])
    openvino_grammar.write_stand_in(folder / openvino_folder.GRAMMAR, size)
    openvino_folder.describe(
        folder,
        openvino_folder.Description(
            speech=vocabulary.speech(header),
            context_tokens=int(header.of_model("context_length")),
            vocabulary_size=size,
            cache_bytes_per_token=prove(folder),
        ),
    )


def simplify(folder: Path) -> None:
    """Replace the saved network by a smaller one that computes the same."""
    import openvino

    network = folder / openvino_folder.NETWORK
    new = folder / "new"
    new.mkdir()
    model = openvino.Core().read_model(network)
    openvino_simplify.simplify(model)
    openvino.save_model(model, new / openvino_folder.NETWORK, compress_to_fp16=False)
    del model  # its weights are mapped from the file that is replaced now
    for file in new.iterdir():
        file.replace(folder / file.name)
    new.rmdir()


def lift_limit(folder: Path) -> None:
    """Take the cut at 8,192 tokens out of the saved tokenizer: a constant in its file of constants."""
    text = (folder / openvino_folder.TOKENIZER_XML).read_text(encoding="utf-8")
    layers = dict(re.findall(r'<layer id="(\d+)"[^>]*type="(\w+)"', text))
    minimum = next((number for number, kind in layers.items() if kind == "Minimum"), None)
    if minimum is None:
        return  # a later version builds no limit in; `prove` has the last word
    feeding = set(re.findall(rf'<edge from-layer="(\d+)" from-port="\d+" to-layer="{minimum}"', text))
    constants = re.findall(r'<layer id="(\d+)"[^>]*type="Const"[^>]*>\s*<data [^>]*offset="(\d+)" size="4"', text)
    places = {int(offset) for number, offset in constants if number in feeding}
    with (folder / openvino_folder.TOKENIZER_BIN).open("r+b") as file:
        for place in places:
            file.seek(place)
            if struct.unpack("<i", file.read(4))[0] == _BUILT_IN_LIMIT:
                file.seek(place)
                file.write(struct.pack("<i", _NO_LIMIT))


def prove(folder: Path) -> int:
    """Load the result, tokenise a long text, answer one token; returns the bytes of cache for one token."""
    import numpy as np
    import openvino
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = _PROOF_BLOCKS
    pipe = openvino_genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", openvino_folder.PROPERTIES)
    tokenizer = pipe.get_tokenizer()
    words = 2 * _BUILT_IN_LIMIT
    length = tokenizer.encode("a b " * words, add_special_tokens=False).input_ids.data.size
    if length < 2 * words:
        raise SystemExit(f"the tokenizer cuts texts off: {length} tokens of {2 * words} words")
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = 1
    prompt = np.asarray(tokenizer.encode("Hello", add_special_tokens=False).input_ids.data, dtype=np.int64)
    handle = pipe.add_request(0, openvino.Tensor(prompt), config)
    while pipe.has_non_finished_requests():
        pipe.step()
    if not handle.can_read():
        raise SystemExit("the converted model gives no answer")
    return int(pipe.get_metrics().cache_size_in_bytes) // (_PROOF_BLOCKS * openvino_folder.BLOCK_TOKENS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
