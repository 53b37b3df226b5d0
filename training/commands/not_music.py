"""``training not-music``: what a checkpoint says of noise and speech."""

from typing import Annotated

import typer

from .options import Json, loading, print_json


def not_music(
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "default",
    as_json: Json = False,
) -> None:
    """Tell what a checkpoint says of noise and speech, which are not music."""
    with loading():
        import torch
        from rich.console import Console
        from rich.table import Table

        from realtime_mer.recognizer.reference import Recognizer

        from ..judge.not_music import false_emotions, judge, sounds
    torch.set_num_threads(1)
    recognizer = Recognizer.load(model, device="cpu")
    if as_json:
        print_json({"model": model, "sounds": false_emotions(recognizer)})
        return
    table = Table("sound", "valence", "arousal", "false emotions", "likeliest quadrant")
    for sound, samples in sounds(recognizer.sample_rate):
        judgement = judge(recognizer, sound, samples)
        quadrant, probability = judgement.quadrant
        table.add_row(
            judgement.sound,
            f"{judgement.valence:+.2f}",
            f"{judgement.arousal:+.2f}",
            f"{judgement.false_emotions:.0%}",
            f"{quadrant} {probability:.2f}",
        )
    Console().print(table)
