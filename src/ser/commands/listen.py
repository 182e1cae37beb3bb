"""`ser listen`: a clip before and after an augmentation."""

from pathlib import Path

import click

EXAMPLES = """\b
Examples:
  ser listen clip.wav augment=all
  ser listen clip.wav augment=waveform augment.noise_snr_db=[0,10]
  ser listen augment=all --n 3 --seed 5 --out heard

docs/augmentation.md explains the settings."""


@click.command("listen", epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="[CLIP] [NAME=VALUE]...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to; else a new one in outputs/listen.")
@click.option("--n", default=4, type=click.IntRange(1, 20), show_default=True, help="How many changed versions.")
@click.option("--seed", default=0, type=int, show_default=True, help="Another seed draws other changes.")
def command(words: tuple[str, ...], out: Path | None, n: int, seed: int) -> None:
    """Hear and see what an augmentation does: a clip before and after, as WAV files and a picture.

    Words with = are settings, as of ser train. Without a clip one of the demo corpus is taken. Mixup, which needs other
    clips, is left out.
    """
    overrides = [word for word in words if "=" in word and not Path(word).is_file()]
    clips = [Path(word) for word in words if word not in overrides]
    if len(clips) > 1:
        raise click.UsageError(f"one clip at most, got {', '.join(map(str, clips))}; settings are written name=value.")
    from ser.commands.listening import listen  # it imports torch, which takes seconds

    listen(clips[0] if clips else None, overrides, out, n, seed)
