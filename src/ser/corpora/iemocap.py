"""IEMOCAP, Interactive Emotional Dyadic Motion Capture: English dialogues, played from a script or improvised.

Busso C et al. (2008). Language Resources and Evaluation 42: 335-359, doi 10.1007/s10579-008-9076-6.
Labels: Session*/dialog/EmoEvaluation/*.txt, a line a turn: times, turn, emotion, [valence, activation, dominance].
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser.corpora.base import About, Utterance
from ser.corpora.by_name import GENDERS, ByName, Clip

_COUNTS = {"neutral": 1708, "happy": 595 + 1041, "sad": 1084, "angry": 1103, "fearful": 40, "disgust": 2}
_TURN = re.compile(r"^\[[\d. -]+\]\t(\w+)\t(\w+)\t\[([\d.]+), ([\d.]+), ([\d.]+)\]", re.MULTILINE)


class Iemocap(ByName):
    """The turns in sentences/wav; excited is taken as happy, as is usual. Each session is a fold of `split=given`."""

    name = "iemocap"
    layout = "folder with Session1 ... Session5"
    about = About(
        title="IEMOCAP",
        languages=("English",),
        clips={**_COUNTS, "surprised": 107, "frustrated": 1849},
        speakers=10,
        license="other",
        conditions="for research, by a form to sign",
        page="https://sail.usc.edu/iemocap/",
        citation=(
            "Busso C, Bulut M, Lee CC, Kazemzadeh A, Mower E, Kim S, Chang JN, Lee S, Narayanan SS (2008). IEMOCAP:"
            " Interactive emotional dyadic motion capture database. Language Resources and Evaluation 42: 335-359."
            " https://doi.org/10.1007/s10579-008-9076-6"
        ),
    )
    pattern = r"(Ses0([1-5])[FM]_(impro|script)\w+_([FM])\d{3})"
    _sessions: Mapping[str, str] = {}

    def read_labels(self, files: Sequence[Path]) -> None:
        tables = [path for path in files if path.match("EmoEvaluation/*.txt")]
        turns = [turn for path in tables for turn in _TURN.findall(path.read_text(encoding="latin-1"))]
        self._turns: Mapping[str, Sequence[str]] = {turn: rated for turn, *rated in turns}

    def utterances(self) -> list[Utterance]:
        found = super().utterances()
        self._sessions = {one.id: one.attributes["session"] for one in found}
        return found

    def folds(self) -> list[Mapping[str, str]]:
        """One for each session, which is its test."""
        return [
            {one: "test" if session == test else "train" for one, session in self._sessions.items()}
            for test in sorted(set(self._sessions.values()))
        ]

    def clip(self, *found: str) -> Clip | str:
        turn, session, kind, gender = found
        if turn not in self._turns:
            return "turns that no Session*/dialog/EmoEvaluation/*.txt labels"
        code, valence, arousal, dominance = self._turns[turn]
        if code in ("xxx", "oth"):  # the raters did not agree, or on nothing of the list
            return "turns without an emotion that the raters agree on (xxx, oth)"
        acted = "improvised" if kind == "impro" else "scripted"
        attributes = {"gender": GENDERS[gender.lower()], "session": session, "acted": acted}
        attributes |= {"valence": valence, "arousal": arousal, "dominance": dominance}  # 1 to 5, the mean of the raters
        excited = {"annotated": "excited"} if code == "exc" else {}
        return Clip("happy" if excited else code, f"Ses0{session}{gender}", attributes | excited)
