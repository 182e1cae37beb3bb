"""What readers of published corpora share: clips whose names say what they are."""

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ser.corpora.base import About, Corpus, Utterance
from ser.corpora.files import (
    ARCHIVE_ENDINGS,
    AUDIO_ENDINGS,
    UNREADABLE_ENDINGS,
    files_below,
    local_path,
    preference,
    unreadable_remarks,
    utterance_id,
)
from ser.corpora.labels import known_emotion, label_order
from ser.errors import CorpusNotFound, SettingError

GENDERS = {"f": "female", "m": "male"}


class Clip(NamedTuple):
    """What a name says of a clip."""

    emotion: str
    speaker: str
    attributes: dict[str, str]


class ByName(Corpus):
    """A published corpus in the layout of its release, or in another that keeps its names, anywhere below `root`.

    A clip that is there more than once (the archive unpacked twice, or an MP3 beside the WAV) counts once: in the best
    format, lossless first, and of that the copy nearest to `root`.
    """

    about: About
    layout: str
    """What to name as `root`, for messages."""
    pattern: str
    """The end of a clip's path, without its ending: a regular expression. Where it finds the same, it is one clip."""
    defects: Mapping[str, str] = {}
    """Clips of the release that nobody can use, by name, and what is wrong with each."""

    def __init__(self, *, root: str | Path) -> None:
        if not str(root):
            raise SettingError(f"root is empty; name {self.layout}")
        self.root = local_path(root)
        self._copies: list[Path] = []
        self._unlabelled: dict[str, list[Path]] = {}  # by what they lack
        self._defective: dict[str, str] = {}  # emotions, by name

    @abstractmethod
    def clip(self, *found: str) -> Clip | str:
        """What the groups of `pattern` say of a clip, or what clips are that have no label like it, for messages."""

    def read_labels(self, files: Sequence[Path]) -> None:
        """Read what lies beside the clips, where names alone do not say all."""
        return None

    def utterances(self) -> list[Utterance]:
        where = f"set corpus.root=<{self.layout}>; get it from {self.about.page}"
        if not self.root.is_dir():
            raise CorpusNotFound(f"corpus.root: no folder {self.root}; {where}")
        files = list(files_below(self.root))
        self.read_labels(files)
        utterances = list(self._first_of_each(files).values())
        if not utterances:
            packed = unreadable_remarks([path for path in files if path.suffix.lower() in ARCHIVE_ENDINGS])
            found = "".join(f"; {remark}" for remark in packed)
            lacking = f" that has a label ({'; '.join(self._without_label())})" if self._unlabelled else ""
            raise CorpusNotFound(
                f"corpus.root: no clip of {self.about.title} below {self.root}{lacking}; {where}{found}"
            )
        return sorted(utterances, key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        differences = self._missing(utterances)
        if self._copies:
            differences.append(f"{len(self._copies)} further copies not counted again, such as {self._copies[0]}")
        told = ["; ".join(differences)] if differences else []
        told += [f"{name} is left out: it {self.defects[name]}" for name in sorted(self._defective)]
        return told + self._without_label(" are left out")

    def rank(self, path: Path) -> int:
        """Of several files of one clip the one with the lowest rank counts, wherever it lies."""
        return 0

    def _without_label(self, said: str = "") -> list[str]:
        return [f"{len(some)} {what}{said}, such as {some[0].name}" for what, some in self._unlabelled.items()]

    def _first_of_each(self, files: Sequence[Path]) -> dict[tuple[str | None, ...], Utterance]:
        name = re.compile(rf"(?:.*/)?{self.pattern}")
        clips: dict[tuple[str | None, ...], Utterance] = {}
        self._copies, self._unlabelled, self._defective = [], {}, {}
        heard = (path for path in files if path.suffix.lower() in UNREADABLE_ENDINGS.union(AUDIO_ENDINGS))
        for path in sorted(heard, key=lambda path: (self.rank(path), preference(path)[0], len(path.parts), path)):
            one = utterance_id(str(path.relative_to(self.root)))
            match = name.fullmatch(one)
            if match is None:
                continue
            groups = match.groups()
            if groups in clips:
                if path.suffix == clips[groups].path.suffix:  # other formats belong to some releases
                    self._copies.append(path)
                continue
            clip = self.clip(*groups)
            if isinstance(clip, str):
                self._unlabelled.setdefault(clip, []).append(path)
                continue
            emotion = known_emotion(clip.emotion) or clip.emotion
            if defective := next((defect for defect in self.defects if one.endswith(defect)), None):
                self._defective[defective] = emotion
            else:
                clips[groups] = Utterance(one, path, emotion, clip.speaker, self.name, clip.attributes)
        return clips

    def _missing(self, utterances: Sequence[Utterance]) -> list[str]:
        """What of the release is not there."""
        released = self.about.clips
        emotions = Counter([*(utterance.emotion for utterance in utterances), *self._defective.values()])
        speakers = len({utterance.speaker for utterance in utterances})
        wanted = {} if isinstance(released, int) else released
        differences = []
        if emotions.total() != self.about.n_clips or (wanted and emotions != wanted):
            differences.append(f"{emotions.total()} clips where the release has {self.about.n_clips}")
            lacking = {emotion: wanted[emotion] - emotions[emotion] for emotion in label_order(wanted)}
            missing = [f"{count} {emotion}" for emotion, count in lacking.items() if count > 0]
            differences += [f"missing {', '.join(missing)}"] if missing else []
        if self.about.speakers not in (None, speakers):
            differences.append(f"{speakers} speakers where it has {self.about.speakers}")
        return differences
