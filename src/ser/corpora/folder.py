"""Own recordings in folders: one for each emotion."""

from collections.abc import Sequence
from pathlib import Path

from ser.corpora import layout
from ser.corpora.base import Corpus, Utterance
from ser.corpora.files import (
    files_below,
    is_visible,
    local_path,
    preference,
    split_by_content,
    unreadable_remarks,
    utterance_id,
)
from ser.corpora.keys import nfc
from ser.errors import ConfigError, CorpusError, CorpusNotFound, SettingError
from ser.files import printable

_LAYOUT = "one sub-folder an emotion, clips anywhere below it, such as happy/take1.wav"


class Folder(Corpus):
    """Audio files below `root`, whose folders name their emotions.

    Hidden files are passed over. A recording that is there in several formats counts once, lossless first.

    Args:
        root: the folder.
        levels: what the folders on the way to a clip name, from `root` on: emotion, and perhaps speaker, split, or
            anything else, which becomes an attribute. None: the first names the emotion; refused where it seems not to.
    """

    def __init__(self, *, root: str | Path | None, levels: list[str] | None) -> None:
        if levels is not None and (levels.count(layout.EMOTION) != 1 or len(set(levels)) < len(levels) or "" in levels):
            raise SettingError(f"levels must name emotion once, and nothing twice, as [speaker,emotion]; got {levels}")
        self.root = local_path(root or "")
        self.levels = levels
        self.name = nfc((self.root if self.root.name.strip(".") else self.root.resolve()).name) or "folder"
        self._is_set = bool(root)
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        if not self._is_set:
            raise ConfigError(f"corpus.root is not set; set corpus.root=<folder> ({_LAYOUT})")
        if not self.root.is_dir():
            raise CorpusNotFound(f"corpus.root: no folder {self.root}; set corpus.root=<folder> ({_LAYOUT})")
        recordings, unreadable = split_by_content(files_below(self.root))
        depth = len(self.levels or [layout.EMOTION])
        takes: dict[str, list[Path]] = {}
        loose: list[Path] = []
        for path in recordings:
            relative = path.relative_to(self.root)
            if len(relative.parts) > depth:
                takes.setdefault(utterance_id(str(relative)), []).append(path)
            else:
                loose.append(path)
        for paths in takes.values():
            paths.sort(key=preference)
        self._remarks = self._remark(takes, loose, unreadable)
        if not takes:
            found = f"; {'; '.join(self._remarks)}" if self._remarks else ""
            raise CorpusNotFound(f"corpus.root: no clip in {self.root} ({_LAYOUT}){found}")
        clips = [paths[0].relative_to(self.root) for paths in takes.values()]
        if self.levels is None and (objection := layout.objection(clips)):
            raise CorpusError(f"corpus.root: {self.root}: {objection}")
        self._remarks += layout.remarks(clips, self.levels or [layout.EMOTION])
        return [self._utterance(name, paths[0]) for name, paths in sorted(takes.items())]

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    def _utterance(self, name: str, path: Path) -> Utterance:
        named = dict(zip(self.levels or [layout.EMOTION], path.relative_to(self.root).parts, strict=False))
        emotion, speaker = named.pop(layout.EMOTION), named.pop(layout.SPEAKER, None)
        return Utterance(name, path, emotion, speaker, self.name, {level: nfc(word) for level, word in named.items()})

    def _remark(self, takes: dict[str, list[Path]], loose: list[Path], unreadable: list[Path]) -> list[str]:
        remarks = []
        if loose:
            where = f"directly in {self.root}" if self.levels is None else f"not below folders {'/'.join(self.levels)}"
            remarks.append(
                f"{len(loose)} audio files lie {where} and do not count, such as {loose[0].relative_to(self.root)};"
                f" move them into such folders, or list them in a table: corpus=table"
            )
        remarks += unreadable_remarks(unreadable)
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
            remarks.append(f"no audio that can be read in the folders {', '.join(map(printable, empty))}")
        return remarks
