"""Makes a teacher of random numbers and heads that stand on it, in the layout of the real ones."""

import numpy as np


def teacher_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """A smaller MusiCNN of random numbers."""
    generator = np.random.default_rng(seed)
    shapes = {
        "front_timbre_7x38": (6, 1, 7, 38),
        "front_timbre_7x67": (6, 1, 7, 67),
        "front_temporal_128x1": (2, 1, 128, 1),
        "front_temporal_64x1": (2, 1, 64, 1),
        "front_temporal_32x1": (2, 1, 32, 1),
        "mid_conv1": (4, 1, 7, 18),
        "mid_conv2": (4, 1, 7, 4),
        "mid_conv3": (4, 1, 7, 4),
    }
    arrays = {}
    sizes = {"input_bn": 1, "pooled_bn": 60}
    for name, shape in shapes.items():
        arrays[f"{name}.weight"] = 0.2 * generator.standard_normal(shape)
        arrays[f"{name}.bias"] = 0.2 * generator.standard_normal(shape[0])
        sizes[f"{name}_bn"] = shape[0]
    for name, size in sizes.items():
        for part in ("gamma", "beta", "running_mean"):
            arrays[f"{name}.{part}"] = generator.standard_normal(size)
        arrays[f"{name}.running_var"] = generator.uniform(0.5, 2, size)
    arrays["embedding.weight"] = generator.standard_normal((200, 60))
    arrays["embedding.bias"] = generator.standard_normal(200)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def head_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Essentia's heads in their own size, of random numbers."""
    generator = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "emomusic_va.input_scale": (200,),
        "emomusic_va.input_shift": (200,),
        "emomusic_va.weight": (2, 200),
        "emomusic_va.bias": (2,),
    }
    for mood in ("happy", "sad", "aggressive", "relaxed"):
        shapes[f"mood_{mood}.hidden.weight"] = (100, 200)
        shapes[f"mood_{mood}.hidden.bias"] = (100,)
        shapes[f"mood_{mood}.out.weight"] = (2, 100)
        shapes[f"mood_{mood}.out.bias"] = (2,)
    return {
        name: (0.1 * generator.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }


def tagger_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """A narrower AudioSet tagger of random numbers, with the real one's kernels and mel bank."""
    generator = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"stem": (4, 1, 3, 3), "last": (12, 6, 1, 1)}
    width = 4
    for number in range(1, 16):
        block, size = f"block{number:02}", 5 if number in (4, 5, 6, 13, 14, 15) else 3
        out = 4 if number == 1 else 6
        expanded = 4 if number == 1 else 8
        if number > 1:
            shapes[f"{block}.expand"] = (expanded, width, 1, 1)
        shapes[f"{block}.depthwise"] = (expanded, 1, size, size)
        if number in (4, 5, 6, 11, 12, 13, 14, 15):
            shapes[f"{block}.squeeze"] = (3, expanded)
            shapes[f"{block}.excite"] = (expanded, 3)
        shapes[f"{block}.project"] = (out, expanded, 1, 1)
        width = out
    shapes |= {"classifier.hidden": (512, 12), "classifier.logits": (527, 512)}
    arrays = {}
    for name, shape in shapes.items():
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        arrays[f"{name}.weight"] = scale * generator.standard_normal(shape)
        arrays[f"{name}.bias"] = 0.2 * generator.standard_normal(shape[0])
    # Triangles of any kind will do for what does not name a frequency.
    arrays["mel_bank"] = generator.uniform(0, 1, (128, 513))
    arrays["window"] = np.hanning(800)
    return {name: array.astype(np.float32) for name, array in arrays.items()}
