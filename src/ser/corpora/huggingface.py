"""Data sets of the Hugging Face hub, or on disk as `save_to_disk` or as Parquet files: read by the library datasets."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ser.config.extras import need
from ser.corpora.base import Corpus, Utterance
from ser.corpora.files import local_path, utterance_id
from ser.corpora.keys import given, nfc
from ser.corpora.labels import label_order, translated
from ser.errors import ConfigError, CorpusError, DownloadError, StoreError
from ser.files import digest, one_line, replacing

if TYPE_CHECKING:
    import datasets

_HINT = "set corpus.name=<id on the hub, or folder>"


class HuggingFace(Corpus):
    """The rows of a data set. Recordings that it holds as bytes are written below `root` once, named by their content.

    Where there are several splits, the attribute `split` names that of a row. Further columns of words and numbers
    become attributes.

    Args:
        name: on the hub, or a folder: of `save_to_disk`, or of Parquet files.
        subset: what the hub calls a configuration; None: the only one.
        audio, label, speaker: the columns; None: who speaks is not known.
        root: where recordings are kept.
    """

    def __init__(
        self,
        *,
        name: str | None,
        subset: str | None,
        audio: str,
        label: str,
        speaker: str | None,
        root: str | Path,
    ) -> None:
        self.source, self.subset = name or "", subset
        self.audio, self.label, self.speaker = audio, label, speaker
        self.name = nfc(PurePath(self.source.rstrip("/")).name) or "huggingface"
        self.root = local_path(root) / self.name
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        need("corpus=huggingface", "datasets", extra="datasets")
        splits = {name: self._undecoded(split) for name, split in self._splits().items()}
        labels = {name: [given(label) for label in _texts(split, self.label)] for name, split in splits.items()}
        words = translated(label for column in labels.values() for label in column)
        rows = [
            utterance
            for name, split in splits.items()
            for utterance in self._rows(
                name if len(splits) > 1 else "", split, [words[label] for label in labels[name]]
            )
        ]
        n_rows = sum(map(len, labels.values()))
        if not rows:
            raise self._error(f"none of its {n_rows} rows has a label and audio", "label")
        n_empty = n_rows - len(rows)
        self._remarks = [f"{n_empty} rows have no {self.label} or no audio and are left out"] if n_empty else []
        return sorted(rows, key=lambda utterance: utterance.id)

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        emotions = label_order(utterance.emotion for utterance in utterances)
        if not "".join(emotions).isdecimal():
            return self._remarks
        named = f"'labels.map={{{emotions[0]}: angry, ...}}'"
        return [*self._remarks, f"emotions are called by numbers ({', '.join(emotions)}): {named} names them"]

    def _splits(self) -> dict[str, "datasets.Dataset"]:
        """The data set, by split."""
        import datasets

        if not self.source:
            raise ConfigError(f"corpus.name is not set; {_HINT}")
        folder = local_path(self.source)
        try:
            if any((folder / name).is_file() for name in ("dataset_dict.json", "state.json")):
                loaded = datasets.load_from_disk(str(folder))
            else:
                loaded = datasets.load_dataset(str(folder) if folder.is_dir() else self.source, self.subset)
        except Exception as error:  # of the network, the hub, the parsers of many formats
            cause: BaseException = error
            while deeper := cause.__cause__ or cause.__context__:
                cause = deeper
            own = "; corpus=folder and corpus=table read a folder of recordings" if folder.is_dir() else ""
            raise DownloadError(
                f"corpus.name: {self.source} cannot be loaded ({type(cause).__name__}: {one_line(str(cause))});"
                f" {_HINT}, and corpus.subset where it has several configurations{own}"
            ) from None
        return dict(loaded) if isinstance(loaded, dict) else {"": loaded}

    def _undecoded(self, split: "datasets.Dataset") -> "datasets.Dataset":
        """A split with its audio as it is in the files, which needs no decoder."""
        import datasets

        for key in ("audio", "label", "speaker"):
            column = getattr(self, key)
            if column is not None and column not in split.features:
                raise self._error(f"there is no column {column}; there are {', '.join(split.features)}", key)
            if column is not None and key != "audio" and not _is_plain(split.features[column]):
                raise self._error(f"the column {column} holds no words or numbers", key)
        if _is_plain(split.features[self.audio]):
            first = next(filter(None, _texts(split, self.audio)), "")
            if not Path(first).is_file():
                raise self._error(f"the column {self.audio} holds no audio ({first!r} is no file)", "audio")
        try:
            return split.cast_column(self.audio, datasets.Audio(decode=False))
        except Exception as error:  # of Arrow
            raise self._error(f"the column {self.audio} holds no audio ({one_line(str(error))})", "audio") from None

    def _rows(self, name: str, split: "datasets.Dataset", emotions: Sequence[str]) -> Iterator[Utterance]:
        """The utterances of a split, called as their files where these have names of their own, else by number."""
        from rich.progress import track

        told = {column: _texts(split, column) for column in split.features if _is_plain(split.features[column])}
        told.pop(self.label, None)
        speakers = told.pop(self.speaker, []) if self.speaker else []
        stems: dict[int, str] = {}
        paths: dict[int, Path] = {}
        column = split.select_columns([self.audio])
        for number, row in enumerate(track(column, f"Reading {self.name} {name}".strip(), total=len(column))):
            audio = row[self.audio] or {}
            if emotions[number] and (audio.get("bytes") or audio.get("path")):
                stems[number] = utterance_id(PurePath(audio["path"] or "").name)
                paths[number] = self._path(audio)
        are_names = len(set(stems.values())) == len(stems) and not {"", "."}.intersection(stems.values())
        for number, path in paths.items():
            stem = stems[number] if are_names else f"{number:06d}"
            attributes = {key: values[number] for key, values in told.items()} | ({"split": name} if name else {})
            speaker = speakers[number] or None if speakers else None
            identity = f"{name}/{stem}" if name else stem
            yield Utterance(identity, path, emotions[number], speaker, self.name, attributes)

    def _path(self, audio: Mapping[str, Any]) -> Path:
        """Of a recording: its own, or of what was written of its bytes."""
        if not audio["bytes"]:
            return Path(audio["path"])
        path = self.root / f"{digest(audio['bytes'])}{PurePath(audio['path'] or '').suffix.lower()}"
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as beside:
                    beside.write_bytes(audio["bytes"])
            except OSError as error:
                raise StoreError(
                    f"corpus.root: {path} cannot be written ({error.strerror}); set corpus.root=<a folder that can>"
                ) from None
        return path

    def _error(self, problem: str, setting: str) -> CorpusError:
        return CorpusError(f"corpus.{setting}: {self.source}: {problem}")


def _is_plain(kind: Any) -> bool:
    """Whether a column holds a word or a number in each row."""
    plain = ("string", "large_string", "int", "uint", "float", "bool")
    return hasattr(kind, "names") or str(getattr(kind, "dtype", "")).startswith(plain)


def _texts(split: "datasets.Dataset", column: str) -> list[str]:
    """The values of a column, classes by their names; "" where there is none."""
    names = getattr(split.features[column], "names", None)
    values = split.select_columns([column])[column]
    return ["" if value is None or (names and value < 0) else str(names[value] if names else value) for value in values]
