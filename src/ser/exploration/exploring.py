"""A corpus looked at as a whole, before any training."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ser.corpora.base import Corpus
from ser.corpora.labels import label_order
from ser.corpora.reading import Clips
from ser.corpora.table import TIMES
from ser.errors import CorpusNotFound
from ser.exploration.copies import Copies, find_copies
from ser.exploration.measuring import Clip
from ser.exploration.speakers import Voice, compare_speakers
from ser.exploration.telling import Telling, tell
from ser.metrics import Floats
from ser.store.recordings import Recordings

MANY_VALUES = 12  # of an attribute, by which clips are no longer counted


@dataclass(frozen=True)
class Explored:
    """What was found.

    Attributes:
        name, notice: of the corpus.
        remarks: of its labels and files, for a person.
        clips: those that can be used.
        broken: by id, why others cannot.
        labels: the emotions, in class order.
        copies: clips that hold the same.
        voices: the speakers.
        telling: what can be told without listening.
        agreement: see `ser.corpora.reading.Clips`.
    """

    name: str
    notice: str | None
    remarks: list[str]
    clips: list[Clip]
    broken: dict[str, str]
    labels: list[str]
    copies: list[Copies]
    voices: list[Voice]
    telling: Telling
    agreement: float | None

    @property
    def emotions(self) -> list[str]:
        """Of each clip."""
        return [clip.utterance.emotion for clip in self.clips]

    @property
    def hours(self) -> float:
        return sum(clip.duration_s for clip in self.clips) / 3600

    def counted(self) -> dict[str, dict[str, list[int]]]:
        """By attribute that has up to `MANY_VALUES` values, of each value how many clips of each emotion it has.

        The speaker comes first, however many there are.
        """
        found = {"speaker": [clip.utterance.speaker or "" for clip in self.clips]}
        names = dict.fromkeys(name for clip in self.clips for name in clip.utterance.attributes if name not in TIMES)
        found |= {name: [clip.utterance.attributes.get(name, "") for clip in self.clips] for name in names}
        return {
            name: self._by(values)
            for name, values in found.items()
            if any(values) and (name == "speaker" or 1 < len(set(values)) <= MANY_VALUES)
        }

    def _by(self, values: Sequence[str]) -> dict[str, list[int]]:
        counts = Counter(zip(values, self.emotions, strict=True))
        return {value: [counts[value, label] for label in self.labels] for value in sorted(set(values))}

    def against_speaker(self, of: Callable[[Clip], float]) -> Floats:
        """Of each clip a measure less its median over the clips of the same speaker; NaN where it is not known."""
        values = np.array([of(clip) for clip in self.clips])
        names = [clip.utterance.speaker or "" for clip in self.clips]
        speakers = np.unique(names, return_inverse=True)[1]
        for speaker in range(speakers.max() + 1):
            own = speakers == speaker
            known = values[own & np.isfinite(values)]
            values[own] -= np.median(known) if len(known) else 0.0
        return values


def explore(corpus: Corpus, read: Clips, clips: list[Clip], broken: dict[str, str]) -> Explored:
    """Look at the clips that are asked for.

    Args:
        corpus: whose clips they are.
        read: see `ser.corpora.reading.read_clips`.
        clips, broken: of those that are wanted, see `ser.exploration.measuring.measure`.

    Raises:
        CorpusNotFound: no clip can be used.
    """
    if not clips:
        raise CorpusNotFound(f"none of the {len(broken)} clips can be used; the first: {next(iter(broken.values()))}")
    used = [clip.utterance for clip in clips]
    there = [utterance for utterance in read.whole if utterance.id not in broken]
    copies = find_copies(clips)
    groups = {clip.utterance.id: number for number, clip in enumerate(clips)}
    for group in copies:
        groups |= {clip.utterance.id: groups[group.clips[0].utterance.id] for clip in group.clips}
    return Explored(
        name=corpus.name,
        notice=corpus.notice,
        remarks=[*read.remarks, *corpus.remarks(there), *_about_files(clips)],
        clips=clips,
        broken=broken,
        labels=label_order(one.emotion for one in used),
        copies=copies,
        voices=compare_speakers(clips),
        telling=tell(clips, groups),
        agreement=read.agreement,
    )


def _about_files(clips: Sequence[Clip]) -> list[str]:
    recordings = Recordings(remarks={clip.utterance.id: clip.remarks for clip in clips})
    return recordings.about([clip.utterance for clip in clips])
