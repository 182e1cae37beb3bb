"""Speakers one has heard before: whose clips may be known, without labels, when they are recognised."""

from collections.abc import Sequence

from ser.config.checks import check_choice, check_range
from ser.config.schema import Normalize
from ser.corpora.base import Utterance
from ser.corpora.labels import label_order
from ser.errors import ConfigError
from ser.files import digest


def is_by_speaker(normalize: Normalize, utterances: Sequence[Utterance]) -> bool:
    """Whether each speaker's clips are normalised by what is known of that speaker.

    Raises:
        ConfigError: a setting has a value that cannot be used, or speakers are not known.
    """
    check_choice("normalize.by", normalize.by, ("training", "speaker"))
    if normalize.by == "training":
        idle = [name for name in ("clips", "emotion") if getattr(normalize, name) is not None]
        idle += ["prior"] if normalize.prior else []
        if idle:
            raise ConfigError(f"normalize.{idle[0]}: says what is known of speakers; set normalize=speaker with it")
        return False
    check_range("normalize.prior", normalize.prior, 0, 1e6)
    if normalize.clips is not None:
        check_range("normalize.clips", normalize.clips, 0, 1_000_000)
    if normalize.emotion is not None:
        check_choice("normalize.emotion", normalize.emotion, label_order(one.emotion for one in utterances))
    nameless = sum(utterance.speaker is None for utterance in utterances)
    if nameless:
        raise ConfigError(
            f"normalize=speaker: {nameless} of {len(utterances)} clips do not say who speaks; name the speakers"
            " (corpus=table with a column speaker), or set normalize=training"
        )
    return True


def known_clips(normalize: Normalize, utterances: Sequence[Utterance], seed: int) -> list[Utterance]:
    """What may be heard, without labels, of those who speak in some utterances.

    Which clips are drawn depends on the seed and their ids alone; with more `clips` it is the same ones and some more.
    """
    known: dict[str | None, list[Utterance]] = {}
    for utterance in sorted(utterances, key=lambda utterance: digest(f"{seed} {utterance.id}".encode())):
        if normalize.emotion in (None, utterance.emotion):
            known.setdefault(utterance.speaker, []).append(utterance)
    return [utterance for of_one in known.values() for utterance in of_one[: normalize.clips]]
