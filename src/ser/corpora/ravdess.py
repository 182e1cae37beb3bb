"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song.

Livingstone SR, Russo FA (2018). PLoS ONE 13(5): e0196391, doi 10.1371/journal.pone.0196391.
Naming: modality-channel-emotion-intensity-statement-repetition-actor, each a two-digit code.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ser.corpora.base import About, Corpus, Listeners, Release, Utterance
from ser.corpora.files import AUDIO_ENDINGS, local_path, preference, split_by_content, unreadable_remarks
from ser.errors import CorpusNotFound, SettingError

AUDIO_ONLY = "03"
SPEECH = "01"
RAVDESS_EMOTIONS = {
    **{"01": "neutral", "02": "calm", "03": "happy", "04": "sad"},
    **{"05": "angry", "06": "fearful", "07": "disgust", "08": "surprised"},
}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}
ACTORS = tuple(f"{actor:02d}" for actor in range(1, 25))
CLIPS_PER_ACTOR = 60
CLIPS_PER_EMOTION = {emotion: 96 if emotion == "neutral" else 192 for emotion in RAVDESS_EMOTIONS.values()}

SYNTHETIC_MARKER = "SYNTHETIC.txt"  # lies in folders of made-up clips in this layout

ABOUT = About(
    title="RAVDESS",
    languages=("English",),
    clips=CLIPS_PER_EMOTION,
    speakers=len(ACTORS),
    license="cc-by-nc-sa-4.0",
    conditions="CC BY-NC-SA 4.0, not for commercial use; https://creativecommons.org/licenses/by-nc-sa/4.0/",
    page="https://zenodo.org/records/1188976",
    citation=(
        "Livingstone SR, Russo FA (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)."
        " PLoS ONE 13(5): e0196391. https://doi.org/10.1371/journal.pone.0196391"
    ),
)

_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")


class Ravdess(Corpus):
    """The speech clips of RAVDESS in the released layout, `Actor_XX/*.wav` (or another format), anywhere below `root`.

    Song and video files are passed over, and folders of synthetic clips. A clip that is there more than once (the
    archive unpacked twice, or a FLAC beside the WAV) counts once: the copy nearest to `root`.

    With `download`, the release is fetched where `root` is missing or empty; clips that are there are used as they are.
    """

    name = "ravdess"
    about: About | None = ABOUT
    release: Release | None = Release(
        about=ABOUT,
        url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
        size=208_468_073,
        md5="bc696df654c87fed845eb13823edef8a",
        unpacked_size=590_000_000,
    )
    listeners: Listeners | None = Listeners(
        accuracy=0.624,
        what="single judgements of audio-only speech that name the intended emotion",
        source="Livingstone and Russo 2018, PLoS ONE 13(5): e0196391",
    )

    def __init__(self, *, root: str | Path, download: bool) -> None:
        if not str(root):
            raise SettingError("root is empty; name a folder, or set RAVDESS_ROOT to one")
        self.root = local_path(root)
        self.download = download
        self._copies: list[Path] = []
        self._unreadable: list[Path] = []
        self._others: list[Path] = []

    def utterances(self) -> list[Utterance]:
        if self.download and not self._clips():
            self.fetch_release()
        if not self.root.is_dir():
            raise CorpusNotFound(
                f"corpus.root: no folder {self.root}; set corpus.root=<folder with Actor_01 ... Actor_24> or the"
                " environment variable RAVDESS_ROOT, corpus.download=true to fetch it from Zenodo (208 MB), or"
                " corpus=demo to run without data"
            )
        clips = self._clips()
        if not clips:
            found = "".join(f"; {remark}" for remark in unreadable_remarks(self._unreadable))
            raise CorpusNotFound(
                f"corpus.root: no speech clip (Actor_*/03-01-*.wav or *.flac) below {self.root}; set"
                f" corpus.root=<folder with Actor_01 ... Actor_24>, or corpus=demo to run without data{found}"
            )
        return sorted(map(self._utterance, clips), key=lambda utterance: utterance.id)

    def lacking(self) -> str:
        utterances = list(map(self._utterance, self._clips()))
        return "; ".join(self._missing(utterances)) if utterances else "no speech clip of RAVDESS in it"

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        differences = self._missing(utterances)
        if self._copies:
            differences.append(f"{len(self._copies)} further copies not counted again, such as {self._copies[0]}")
        if self._others:
            differences.append(
                f"{len(self._others)} audio files are not named as its clips and not counted, such as {self._others[0]}"
            )
        return [*(["; ".join(differences)] if differences else []), *unreadable_remarks(self._unreadable)]

    def _missing(self, utterances: Sequence[Utterance]) -> list[str]:
        """What of the release is not there."""
        differences = []
        emotions = Counter(utterance.emotion for utterance in utterances)
        speakers = Counter(utterance.speaker for utterance in utterances)
        if (emotions, speakers) != (CLIPS_PER_EMOTION, dict.fromkeys(ACTORS, CLIPS_PER_ACTOR)):
            missing = [
                f"{count - emotions[emotion]} {emotion}"
                for emotion, count in CLIPS_PER_EMOTION.items()
                if emotions[emotion] < count
            ]
            actors = [actor for actor in ACTORS if speakers[actor] < CLIPS_PER_ACTOR]
            differences.append(f"{len(utterances)} clips where the release has {sum(CLIPS_PER_EMOTION.values())}")
            differences += [f"missing {', '.join(missing)}"] if missing else []
            differences += [f"incomplete actors {', '.join(actors)}"] if actors else []
        return differences

    def _clips(self) -> list[Path]:
        files = list(self._files())
        recordings, self._unreadable = split_by_content(filter(self._is_speech, files))
        self._others = [path for path in files if path.suffix.lower() in AUDIO_ENDINGS and self._is_other(path)]
        clips: dict[str, Path] = {}
        self._copies = []
        for path in sorted(recordings, key=lambda path: (len(path.parts), preference(path))):
            if path.stem in clips:
                self._copies.append(path)
            else:
                clips[path.stem] = path
        self._unreadable = [path for path in self._unreadable if path.stem not in clips]
        return list(clips.values())

    def _is_speech(self, path: Path) -> bool:
        if not _NAME.fullmatch(path.stem):
            return False
        modality, channel, emotion, intensity, statement, _, actor = path.stem.split("-")
        known = emotion in RAVDESS_EMOTIONS and intensity in INTENSITIES and statement in STATEMENTS
        return (modality, channel) == (AUDIO_ONLY, SPEECH) and known and actor in ACTORS

    def _is_other(self, path: Path) -> bool:
        """Whether a recording is neither a speech clip, nor a song or a film of RAVDESS."""
        is_named = _NAME.fullmatch(path.stem) is not None
        return not self._is_speech(path) and (not is_named or path.stem.startswith(f"{AUDIO_ONLY}-{SPEECH}"))

    def _files(self) -> Iterator[Path]:
        """All files below the root, also behind links, but for hidden folders and what macOS adds to archives.

        None of a synthetic corpus, which would pass for real.
        """
        seen: set[str] = set()
        for folder, subfolders, names in os.walk(self.root, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen or self._is_foreign(names):
                subfolders.clear()
                continue
            seen.add(real)
            subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__MACOSX"]
            yield from (Path(folder) / name for name in names)

    def _is_foreign(self, names: Sequence[str]) -> bool:
        return SYNTHETIC_MARKER in names

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
