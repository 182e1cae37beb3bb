"""Own recordings in folders: one for each emotion."""

from collections.abc import Sequence
from pathlib import Path

from ser.corpora.base import Corpus, Utterance
from ser.corpora.files import (
    AUDIO_ENDINGS,
    UNREADABLE_ENDINGS,
    emotion_name,
    files_below,
    is_visible,
    nfc,
    unreadable_remark,
    utterance_id,
)
from ser.errors import ConfigError, CorpusNotFound

_LAYOUT = "one sub-folder an emotion, clips anywhere below it, such as happy/take1.wav"


class Folder(Corpus):
    """Audio files below `root`, where the first folder on the way to a file names its emotion; no speakers are known.

    Hidden files are passed over. A recording that is there in several formats counts once, lossless first.
    """

    def __init__(self, *, root: str | Path | None) -> None:
        self.root = Path(root or "").expanduser()
        self.name = nfc((self.root if self.root.name.strip(".") else self.root.resolve()).name) or "folder"
        self._is_set = bool(root)
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        if not self._is_set:
            raise ConfigError(f"corpus.root is not set; set corpus.root=<folder> ({_LAYOUT})")
        if not self.root.is_dir():
            raise CorpusNotFound(f"corpus.root: no folder {self.root}; set corpus.root=<folder> ({_LAYOUT})")
        takes: dict[str, list[Path]] = {}
        loose: list[Path] = []
        unreadable: list[Path] = []
        for path in files_below(self.root):
            ending, relative = path.suffix.lower(), path.relative_to(self.root)
            if ending in UNREADABLE_ENDINGS:
                unreadable.append(path)
            elif ending in AUDIO_ENDINGS:
                if len(relative.parts) == 1:
                    loose.append(path)
                else:
                    takes.setdefault(utterance_id(str(relative)), []).append(path)
        for paths in takes.values():
            paths.sort(key=lambda path: (AUDIO_ENDINGS.index(path.suffix.lower()), path))
        self._remarks = self._remark(takes, loose, unreadable)
        if not takes:
            found = f"; {'; '.join(self._remarks)}" if self._remarks else ""
            raise CorpusNotFound(f"corpus.root: no clip in {self.root} ({_LAYOUT}){found}")
        return [
            Utterance(
                id=name,
                path=paths[0],
                emotion=emotion_name(paths[0].relative_to(self.root).parts[0]),
                speaker=None,
                corpus=self.name,
            )
            for name, paths in sorted(takes.items())
        ]

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    def _remark(self, takes: dict[str, list[Path]], loose: list[Path], unreadable: list[Path]) -> list[str]:
        remarks = []
        if loose:
            remarks.append(
                f"{len(loose)} audio files lie directly in {self.root} and do not count, such as {loose[0].name}; move"
                " them into a folder with the name of their emotion"
            )
        remarks += unreadable_remark(unreadable)
        copies = [path for paths in takes.values() for path in paths[1:]]
        if copies:
            remarks.append(
                f"{len(copies)} files have the name of another up to the ending and are not counted again, such as"
                f" {copies[0]}"
            )
        used = {path.relative_to(self.root).parts[0] for paths in takes.values() for path in paths}
        folders = sorted(path.name for path in self.root.iterdir() if path.is_dir() and is_visible(path.name))
        empty = [name for name in folders if name not in used]
        if empty:
            remarks.append(f"no audio that can be read in the folders {', '.join(empty)}")
        return remarks
