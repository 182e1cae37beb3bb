"""What `ser store fill` does: the waveforms of a corpus, or of a part of it, and the frames of what is frozen."""

from collections.abc import Sequence
from pathlib import Path

from ser import sanity
from ser.commands.composing import composed
from ser.config.build import build
from ser.config.schema import Config
from ser.corpora.base import Corpus
from ser.corpora.reading import read_clips
from ser.features.base import FrozenFeature
from ser.files import printable
from ser.models.base import SolvedModel
from ser.preparation import draft_recognizer
from ser.store.frozen import load_frames
from ser.store.recordings import Recordings, load_recordings
from ser.training.lower import constant_part, load_variants
from ser.training.recognizer import EmotionRecognizer
from ser.training.trainer import check_settings, frozen_device


def fill(overrides: Sequence[str], shard: int, n_shards: int) -> None:
    """Fill the store with what a training with the same settings would compute, and say what was done.

    Args:
        overrides: settings, as `ser train` takes them.
        shard, n_shards: which part of the utterances: from the `shard`-th (from 1), every `n_shards`-th by their ids.

    Raises:
        SerError: something that the user can mend.
    """
    config = sanity.adjusted(composed(overrides))
    check_settings(config, Path(config.paths.outputs))
    corpus: Corpus = build("corpus", config.corpus, Corpus)
    draft = draft_recognizer(config)
    utterances = read_clips(corpus, config.labels).wanted
    mine = sorted(utterances, key=lambda utterance: utterance.id)[shard - 1 :: n_shards]
    part = f"{shard}-of-{n_shards}" if n_shards > 1 else ""
    store = Path(config.paths.store).expanduser()
    recordings = load_recordings(mine, store, **sanity.hearing(config, draft.feature), part=part)
    has_frames = _load_frames(config, draft, recordings, store)
    print(f"{store}: {len(mine)} of {len(utterances)} clips" + (f", part {shard} of {n_shards}" if part else ""))
    for what, (n_before, n_made) in recordings.made.items():
        print(f"{what}: {n_before} were there, {n_made} were made")
    if broken := recordings.broken:
        first = printable(next(iter(broken.values())))
        print(f"{len(broken)} clips cannot be used, and a training leaves them out; the first: {first}")
    if not has_frames:
        print("only waveforms are kept: nothing of this feature and model is frozen, and computed once")


def _load_frames(config: Config, draft: EmotionRecognizer, recordings: Recordings, store: Path) -> bool:
    """Fill the store with the frames that a training reads; whether it reads any."""
    lower = constant_part(draft, recordings, config.tta)
    frozen = draft.feature if isinstance(draft.feature, FrozenFeature) else lower
    if frozen is None:
        return False
    device, precision = frozen_device(config.trainer)
    for speed in draft.model.speeds if isinstance(draft.model, SolvedModel) else [1.0]:
        load_frames(frozen, recordings, store, device=device, precision=precision, speed=speed)
    if lower:
        # Which clips are trained on is the fold's to say, that may depend on other parts: of all there are variants.
        told = {"folder": store, "settings": config.augment, "device": device, "precision": precision}
        load_variants(draft, lower, recordings, list(recordings.waveforms), **told)
    return True
