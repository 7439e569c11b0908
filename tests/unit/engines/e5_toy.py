"""A tiny random encoder in the E5S1 format, and the same mathematics in plain NumPy."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

WIDTH, LAYERS, HEADS, INNER, POSITIONS, EPSILON = 32, 2, 2, 64, 40, 1e-5
PIECES = (
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -3.0),
    ("▁a", -2.0),
    ("b", -2.5),
    ("▁ab", -2.2),
    ("é", -4.0),
    ("ガ", -4.0),
    ("<", -5.0),
    ("s", -5.0),
    (">", -5.0),
    ("<mask>", 0.0),
)
VOCABULARY = len(PIECES) + 2  # like the real file: more rows than pieces
CHARACTERS = {0x01: "", 0x09: " ", 0xA0: " ", 0xFF21: "A", 0xFF41: "a", 0xFF76: "カ", 0xFF9E: "\u3099"}


def matrices() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(codes 0..15 of shape (rows, columns), scales of shape (rows, columns / 32)) of every quantised tensor."""
    random = np.random.default_rng(7)
    shapes = {"emb.word": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            shapes[f"l{layer}.{name}.w"] = (WIDTH, WIDTH)
        shapes[f"l{layer}.fi.w"] = (INNER, WIDTH)
        shapes[f"l{layer}.fo.w"] = (WIDTH, INNER)
    return {
        name: (
            random.integers(0, 16, shape).astype(np.uint8),
            random.uniform(0.02, 0.06, (shape[0], shape[1] // 32)).astype(np.float16),
        )
        for name, shape in shapes.items()
    }


def plain() -> dict[str, np.ndarray]:
    """Every float32 tensor."""
    random = np.random.default_rng(8)
    sizes = {"emb.pos": POSITIONS * WIDTH, "emb.type": 2 * WIDTH, "emb.ln.w": WIDTH, "emb.ln.b": WIDTH}
    for layer in range(LAYERS):
        sizes |= {f"l{layer}.{name}.b": WIDTH for name in ("q", "k", "v", "ao", "fo")}
        sizes[f"l{layer}.fi.b"] = INNER
        sizes |= {f"l{layer}.{name}": WIDTH for name in ("aln.w", "aln.b", "oln.w", "oln.b")}
    return {
        name: (random.normal(1.0 if name.endswith("ln.w") else 0.0, 0.2, size)).astype(np.float32)
        for name, size in sizes.items()
    }


def toy_bytes() -> bytes:
    """The whole file."""
    head = b"E5S1" + struct.pack("<I", 1)
    head += struct.pack("<7ifi", WIDTH, LAYERS, HEADS, INNER, VOCABULARY, POSITIONS, 2, EPSILON, 32)
    texts = [piece.encode() for piece, _ in PIECES]
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, texts)))
    offsets = np.cumsum([0, *map(len, texts)])
    head += struct.pack(f"<{len(offsets)}I", *offsets)
    head += struct.pack(f"<{len(PIECES)}f", *(score for _, score in PIECES)) + b"".join(texts)
    table = b"".join(
        struct.pack(f"<IB{len(text)}I", point, len(text), *map(ord, text)) for point, text in CHARACTERS.items()
    )
    head += struct.pack("<iI", len(CHARACTERS), len(table)) + table
    blocks = [(name, 1, codes.size, _packed(codes, scales)) for name, (codes, scales) in matrices().items()]
    blocks += [(name, 0, values.size, values.tobytes()) for name, values in plain().items()]
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name, *_ in blocks)
    directory, data = struct.pack("<i", len(blocks)), b""
    for name, kind, count, content in blocks:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, offset + len(data), len(content))
        data += content
    return head + directory + data


def write_toy(path: Path) -> Path:
    """Write the file."""
    path.write_bytes(toy_bytes())
    return path


def _packed(codes: np.ndarray, scales: np.ndarray) -> bytes:
    out = b""
    for code, scale in zip(codes.reshape(-1, 32), scales.reshape(-1), strict=True):
        out += np.float16(scale).tobytes()
        out += bytes(int(code[j]) | int(code[j + 16]) << 4 for j in range(16))
    return out


def numpy_vector(ids: list[int]) -> np.ndarray:
    """What the encoder must answer for one text, by the textbook, in float64."""
    weights = {
        name: (codes.astype(float) - 8) * np.repeat(scales.astype(float), 32, axis=1)
        for name, (codes, scales) in matrices().items()
    }
    tensors = {name: values.astype(float) for name, values in plain().items()}

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + EPSILON)
        return scaled * tensors[name + ".w"] + tensors[name + ".b"]

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[name + ".w"].T + tensors[name + ".b"]

    positions = tensors["emb.pos"].reshape(POSITIONS, WIDTH)[: len(ids)]
    hidden = norm("emb.ln", weights["emb.word"][ids] + positions + tensors["emb.type"][:WIDTH])
    for layer in range(LAYERS):
        query, key, value = (linear(f"l{layer}.{part}", hidden) for part in "qkv")
        mixed = []
        for head in range(HEADS):
            part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(WIDTH // HEADS))
            mixed.append(scores / scores.sum(1, keepdims=True) @ value[:, part])
        hidden = norm(f"l{layer}.aln", hidden + linear(f"l{layer}.ao", np.concatenate(mixed, 1)))
        inner = linear(f"l{layer}.fi", hidden)
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        hidden = norm(f"l{layer}.oln", hidden + linear(f"l{layer}.fo", inner))
    mean = hidden.mean(0)
    return mean / np.linalg.norm(mean)
