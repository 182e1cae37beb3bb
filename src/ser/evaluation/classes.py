"""The emotions of a corpus and those that a model knows, brought together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ser.corpora.base import Utterance
from ser.corpora.labels import known_emotion, label_order
from ser.corpora.mapping import AS_THEY_ARE, LabelMap
from ser.corpora.reading import Clips
from ser.corpora.votes import renamed
from ser.errors import EvaluateError


def in_common(clips: Clips, labels: Sequence[str]) -> tuple[list[Utterance], LabelMap | None]:
    """The clips whose emotion a model knows, by its words, and what became of all labels; None: nothing was changed.

    A word that the model does not have is the one of its words that is known to mean the same: anger is angry.

    Args:
        clips: of the corpus.
        labels: that the model knows.

    Raises:
        EvaluateError: fewer than two emotions are in common.
    """
    asked = clips.label_map.map if clips.label_map else {}
    counts = Counter(utterance.emotion for utterance in clips.whole)
    became: dict[str, str | None] = {}
    for label in label_order(counts):
        meant = asked.get(label, label)
        became[label] = None if meant is None else _of_model(meant, labels)
    common = {meant for meant in became.values() if meant is not None}
    if len(common) < 2:
        there = ", ".join(label_order(utterance.emotion for utterance in clips.wanted))
        strange = [label for label, meant in became.items() if meant is None]
        map_them = "".join(
            f": map those that mean one of the model's, as 'labels.map={{{one}: <emotion>}}'" for one in strange[:1]
        )
        raise EvaluateError(
            f"corpus: {' '.join(common) or 'nothing'} in common: its labels are {there}, and the model knows"
            f" {', '.join(labels)}; one emotion is no test, two at least are needed{map_them}"
        )
    if all(label == meant for label, meant in became.items()):
        return clips.wanted, None
    # Of what was asked for a label may have become another: it is looked up by what it is there.
    meant_by = {label: _of_model(label, labels) for label in {utterance.emotion for utterance in clips.wanted}}
    known = [(utterance, meant_by[utterance.emotion]) for utterance in clips.wanted]
    told = LabelMap(
        clips.label_map.name if clips.label_map else AS_THEY_ARE,
        became,
        {label: counts[label] for label, meant in became.items() if meant is None},
    )
    return [
        replace(utterance, emotion=meant, votes=renamed(utterance.votes, lambda word: _of_model(word, labels)))
        for utterance, meant in known
        if meant is not None
    ], told


def _of_model(word: str, labels: Sequence[str]) -> str | None:
    """The label of the model that a word is, or means."""
    if word in labels:
        return word
    known = known_emotion(word)
    same = [label for label in labels if known is not None and known_emotion(label) == known]
    return same[0] if len(same) == 1 else None
