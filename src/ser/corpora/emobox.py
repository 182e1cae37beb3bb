"""Corpora with the labels and folds that EmoBox publishes for 32 of them.

Ma Z et al. (2024). EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and Benchmark. Interspeech,
arXiv 2406.07162; github.com/emo-box/EmoBox, whose folder `data` holds for each corpus `<name>.jsonl`, `label_map.json`,
`data.seg.wrd.stm` (who speaks) and `fold_<k>/<name>_{train,valid,test}_fold_<k>.jsonl`.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ser.corpora.base import WHOLE, Corpus, Segment, Utterance
from ser.corpora.files import local_path, utterance_id
from ser.corpora.keys import given
from ser.corpora.labels import translated
from ser.corpora.locate import locate
from ser.errors import ConfigError, CorpusError, CorpusNotFound

_PARTS = {"train": "train", "valid": "val", "test": "test"}
_SPEAKER = re.compile(r"<id=(?P<key>.*?),lang=[^,]*,spk=(?P<speaker>.*),emotion=[^>]*>")
_DATA = "the folder data of a clone of https://github.com/emo-box/EmoBox"

Record = Mapping[str, Any]


class EmoBox(Corpus):
    """The clips that EmoBox lists for a corpus, with its labels, speakers and folds; the audio is the user's own.

    Args:
        name: the corpus's folder in EmoBox's data, such as iemocap.
        metadata: EmoBox's folder data.
        root: of the audio; EmoBox's paths are looked for below it by their last folders, see `locate`.
    """

    def __init__(self, *, name: str | None, metadata: str | Path | None, root: str | Path | None) -> None:
        self.name = name or "emobox"
        self.metadata = local_path(metadata or "")
        self.root = local_path(root or "")
        self._unset = [key for key, value in (("name", name), ("metadata", metadata), ("root", root)) if not value]
        self._folds: list[Mapping[str, str]] = []
        self._remarks: list[str] = []

    def utterances(self) -> list[Utterance]:
        self._check_folders()
        folder = self.metadata / self.name
        by_key = {record["key"]: record for record in _records(folder / f"{self.name}.jsonl")}
        folds = self._parts(folder, by_key)
        if not by_key:
            raise CorpusNotFound(f"corpus.metadata: no list {self.name}.jsonl and no folds in {folder}; name {_DATA}")
        labels = _label_map(folder / "label_map.json", by_key.values())
        unlabelled = Counter(record["emo"] for record in by_key.values() if record["emo"] not in labels)
        records = {name: record for name, record in by_key.items() if record["emo"] in labels}
        speakers = _speakers(folder / "data.seg.wrd.stm")
        paths = locate([record["wav"] for record in by_key.values()], self.root)  # no file of those without a label
        made: dict[str, Utterance] = {}
        ids: dict[str, str] = {}
        for name, record in records.items():
            if record["wav"] in paths:
                utterance = self._utterance(record, paths[record["wav"]], labels, speakers)
                if utterance.id in made:
                    raise CorpusError(f"corpus.metadata: {folder}: two of its clips are {utterance.id}")
                made[utterance.id], ids[name] = utterance, utterance.id
        if not made:
            raise CorpusNotFound(
                f"corpus.root: none of the {len(records)} recordings of {self.name} is below {self.root}, such as"
                f" {next(iter(records.values()))['wav']}; name the folder of the audio, called as its authors did"
            )
        self._folds = [{ids[name]: part for name, part in fold.items() if name in ids} for fold in folds]
        self._remarks = _remarks(records, paths, unlabelled, folds)
        return sorted(made.values(), key=lambda utterance: utterance.id)

    def folds(self) -> list[Mapping[str, str]] | None:
        return self._folds or None

    def remarks(self, utterances: Sequence[Utterance]) -> list[str]:
        return self._remarks

    def _check_folders(self) -> None:
        if self._unset:
            raise ConfigError(
                f"corpus.{self._unset[0]} is not set; set corpus.name=<corpus, such as iemocap>"
                f" corpus.metadata=<{_DATA}> corpus.root=<folder of the audio>"
            )
        for key, folder in (("metadata", self.metadata), ("root", self.root)):
            if not folder.is_dir():
                raise CorpusNotFound(f"corpus.{key}: no folder {folder}")
        if not (self.metadata / self.name).is_dir():
            known = sorted(path.parent.name for path in self.metadata.glob("*/label_map.json"))
            there = f"there are {', '.join(known)}" if known else f"name {_DATA}"
            raise CorpusNotFound(f"corpus.name: {self.metadata} has no folder {self.name}; {there}")

    def _parts(self, folder: Path, by_key: dict[str, Record]) -> list[dict[str, str]]:
        """Of each fold the part of every clip by its key; `by_key` takes in the clips."""
        folds: list[dict[str, str]] = []
        numbers = [int(found[1]) for path in folder.iterdir() if (found := re.fullmatch(r"fold_(\d+)", path.name))]
        for number in range(1, max(numbers, default=0) + 1):
            inside = folder / f"fold_{number}"
            fold: dict[str, str] = {}
            for theirs, ours in _PARTS.items():
                listed = inside / f"{self.name}_{theirs}_fold_{number}.jsonl"
                if theirs != "valid" and not listed.is_file():
                    raise CorpusError(f"corpus.metadata: {listed} is missing; clone EmoBox again")
                for record in _records(listed):
                    by_key.setdefault(record["key"], record)
                    if fold.setdefault(record["key"], ours) != ours:
                        raise CorpusError(f"corpus.metadata: {inside} gives {record['key']} to two parts")
            folds.append(fold)
        return folds

    def _utterance(
        self, record: Record, path: Path, labels: Mapping[str, str], speakers: Mapping[str, str]
    ) -> Utterance:
        segment = Segment(record["start_time"], record["end_time"]) if "start_time" in record else WHOLE
        name = utterance_id(str(path.relative_to(self.root))) + (f"@{segment}" if segment != WHOLE else "")
        speaker = given(str(record.get("spk", ""))) or speakers.get(record["key"])  # some are numbers, 0 among them
        attributes = {"text": str(record["text"])} if "text" in record else {}
        return Utterance(name, path, labels[record["emo"]], speaker, self.name, attributes, segment)


def _records(path: Path) -> Iterator[Record]:
    """The lines of a list; none where there is no such file."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            record["key"], record["wav"], record["emo"]
        except (ValueError, TypeError, KeyError):
            raise CorpusError(
                f"corpus.metadata: {path}, line {number} is no record with key, wav and emo; clone EmoBox again"
            ) from None
        yield record


def _label_map(path: Path, records: Collection[Record]) -> dict[str, str]:
    """EmoBox's label of each word that the corpus has, by our names; without a file every word is its own."""
    if not path.is_file():
        return translated(record["emo"] for record in records)
    try:
        labels: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        names = translated(labels.values())
    except (ValueError, AttributeError, TypeError):
        raise CorpusError(f"corpus.metadata: {path} is no mapping of labels; clone EmoBox again") from None
    return {word: names[label] for word, label in labels.items()}


def _speakers(path: Path) -> dict[str, str]:
    """Who speaks, by key; nobody where there is no such file."""
    if not path.is_file():
        return {}
    found = map(_SPEAKER.search, path.read_text(encoding="utf-8").splitlines())
    return {match["key"]: match["speaker"] for match in found if match}


def _remarks(
    records: Mapping[str, Record],
    paths: Mapping[str, Path],
    unlabelled: Mapping[str, int],
    folds: Sequence[Mapping[str, str]],
) -> list[str]:
    remarks = []
    missing = [record["wav"] for record in records.values() if record["wav"] not in paths]
    if missing:
        remarks.append(f"{len(missing)} of {len(records)} recordings are not there, such as {missing[0]}")
    if unlabelled:
        told = ", ".join(f"{word} ({count})" for word, count in sorted(unlabelled.items()))
        remarks.append(f"left out, for label_map.json has no word for their emotion: {told}")
    loose = [name for name in records if folds and not any(name in fold for fold in folds)]
    if loose:
        remarks.append(f"{len(loose)} clips are in no fold, such as {loose[0]}; split=given leaves them out")
    return remarks
