"""MELD, the Multimodal EmotionLines Dataset: English dialogues of the television series Friends.

Poria S et al. (2019). ACL: 527-536, doi 10.18653/v1/P19-1050.
Naming: part/dia<dialogue>_utt<utterance>.mp4. Labels: train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser.corpora.base import About
from ser.corpora.by_name import ByName, Clip
from ser.errors import CorpusError

_CORRECTED = "final_videos_test"  # 132 films of the test are there again, cut rightly
_COLUMNS = {"Dialogue_ID", "Utterance_ID", "Speaker", "Emotion"}
_COUNTS = {"neutral": 6435, "happy": 2308, "sad": 1002, "angry": 1607, "fearful": 358, "disgust": 361}


class Meld(ByName):
    """The films in three parts, as `split=given`; the six friends speak in all of them."""

    name = "meld"
    layout = "folder with train_splits, dev_splits_complete, output_repeated_splits_test and the tables *_sent_emo.csv"
    about = About(
        title="MELD",
        languages=("English",),
        clips={**_COUNTS, "surprised": 1636},  # a neutral one of the tables, dev dia110_utt7, was never released
        speakers=None,
        license="gpl-3.0",
        conditions="GPL 3.0 (the series itself belongs to others); https://www.gnu.org/licenses/gpl-3.0.html",
        page="https://github.com/declare-lab/MELD",
        citation=(
            "Poria S, Hazarika D, Majumder N, Naik G, Cambria E, Mihalcea R (2019). MELD: A Multimodal Multi-Party"
            " Dataset for Emotion Recognition in Conversations. ACL: 527-536. https://doi.org/10.18653/v1/P19-1050"
        ),
    )
    pattern = rf"(?:output_repeated_splits_)?(train|dev|test)\w*/(?:{_CORRECTED})?dia(\d+)_utt(\d+)"
    defects: Mapping[str, str] = {"train_splits/dia125_utt3": "is damaged"}

    def read_labels(self, files: Sequence[Path]) -> None:
        self._rows: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._tables: set[str] = set()
        for path in (path for path in files if path.name.endswith("_sent_emo.csv")):
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                table = csv.DictReader(file)
                if lacking := _COLUMNS.difference(table.fieldnames or ()):
                    raise CorpusError(f"corpus.root: {path}: has no {' and '.join(sorted(lacking))}; get it again")
                part = path.name.partition("_")[0]
                self._tables.add(part)
                self._rows |= {(part, row["Dialogue_ID"], row["Utterance_ID"]): row for row in table if row["Emotion"]}

    def rank(self, path: Path) -> int:
        return 0 if path.name.startswith(_CORRECTED) else 1

    def clip(self, *found: str) -> Clip | str:
        part, dialogue, _ = found
        row = self._rows.get(found)
        if row is None:
            return (
                "films without a row in the tables"
                if part in self._tables
                else f"films whose table {part}_sent_emo.csv is missing"
            )
        return Clip(row["Emotion"], row["Speaker"], {"split": "val" if part == "dev" else part, "dialogue": dialogue})
