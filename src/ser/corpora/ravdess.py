"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song.

Livingstone SR, Russo FA (2018). PLoS ONE 13(5): e0196391, doi 10.1371/journal.pone.0196391.
Naming: modality-channel-emotion-intensity-statement-repetition-actor, each a two-digit code.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ser.corpora.base import Corpus, Utterance
from ser.errors import CorpusNotFound
from ser.labels import RAVDESS_EMOTIONS

AUDIO_ONLY = "03"
SPEECH = "01"
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}
ACTORS = tuple(f"{actor:02d}" for actor in range(1, 25))
CLIPS_PER_ACTOR = 60
CLIPS_PER_EMOTION = {emotion: 96 if emotion == "neutral" else 192 for emotion in RAVDESS_EMOTIONS.values()}

_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_ENDINGS = {".wav", ".flac"}


class Ravdess(Corpus):
    """The speech clips of RAVDESS in the released layout, `Actor_XX/*.wav` (or FLAC), anywhere below `root`.

    Song and video files are passed over. A clip that is there more than once (the archive unpacked twice, or a
    FLAC beside the WAV) counts once: the copy nearest to `root`.
    """

    name = "ravdess"

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser()
        self._copies: list[Path] = []

    def utterances(self) -> list[Utterance]:
        clips = self._clips()
        return sorted(map(self._utterance, clips), key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        remarks = []
        if self._copies:
            remarks.append(
                f"{len(self._copies)} further copies of clips were not counted again, such as {self._copies[0]}"
            )
        emotions = Counter(utterance.emotion for utterance in utterances)
        speakers = Counter(utterance.speaker for utterance in utterances)
        expected_speakers = dict.fromkeys(ACTORS, CLIPS_PER_ACTOR)
        if (emotions, speakers) != (CLIPS_PER_EMOTION, expected_speakers):
            missing = [
                f"{CLIPS_PER_EMOTION[e] - emotions[e]} {e}"
                for e in CLIPS_PER_EMOTION
                if emotions[e] < CLIPS_PER_EMOTION[e]
            ]
            actors = [actor for actor in ACTORS if speakers[actor] < CLIPS_PER_ACTOR]
            remarks.append(
                f"{len(utterances)} clips found where the release has {sum(CLIPS_PER_EMOTION.values())};"
                f" missing: {', '.join(missing)}; incomplete actors: {', '.join(actors)}"
            )
        return remarks

    def _clips(self) -> list[Path]:
        if not self.root.is_dir():
            raise CorpusNotFound(
                f"corpus.root: no folder {self.root}; set corpus.root=<folder with Actor_01 ... Actor_24> or the"
                " environment variable RAVDESS_ROOT, or corpus=demo to run without data"
            )
        files = sorted(
            (path for path in self.root.rglob("*") if path.suffix.lower() in _ENDINGS and _NAME.fullmatch(path.stem)),
            key=lambda path: (len(path.parts), path.suffix.lower() != ".wav", path),
        )
        clips: dict[str, Path] = {}
        self._copies = []
        for path in files:
            modality, channel, emotion, intensity, statement, _, actor = path.stem.split("-")
            known = emotion in RAVDESS_EMOTIONS and intensity in INTENSITIES and statement in STATEMENTS
            if (modality, channel) != (AUDIO_ONLY, SPEECH) or not known or actor not in ACTORS:
                continue
            if path.stem in clips:
                self._copies.append(path)
            else:
                clips[path.stem] = path
        if not clips:
            raise CorpusNotFound(
                f"corpus.root: no speech clip (Actor_*/03-01-*.wav or *.flac) below {self.root}; set"
                " corpus.root=<folder with Actor_01 ... Actor_24>, or corpus=demo to run without data"
            )
        return list(clips.values())

    def _utterance(self, path: Path) -> Utterance:
        _, _, emotion, intensity, statement, repetition, actor = path.stem.split("-")
        return Utterance(
            id=path.relative_to(self.root).with_suffix("").as_posix(),
            path=path,
            emotion=RAVDESS_EMOTIONS[emotion],
            speaker=actor,
            corpus=self.name,
            attributes={
                "gender": "male" if int(actor) % 2 else "female",
                "intensity": INTENSITIES[intensity],
                "statement": STATEMENTS[statement],
                "repetition": str(int(repetition)),
            },
        )
