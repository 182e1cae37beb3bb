"""Tables of rows that can be compared, each row with intervals, the best tested against the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ser import statistics
from ser.compare.measures import EMOTIONS
from ser.compare.ranks import Ranks, rank
from ser.compare.reading import Clip, LeftOut, Run
from ser.compare.rows import NONE, Row, differing, gather, shortened
from ser.metrics import Floats
from ser.runs.names import SCORES
from ser.runs.report_tables import p_word
from ser.runs.results import Spread
from ser.statistics import CONFIDENCE

LEVEL = 1 - CONFIDENCE


@dataclass(frozen=True)
class Score:
    """A test score: `value` with its 95 % interval from `low` to `high`, and its spread over the trainings."""

    value: float
    low: float
    high: float
    spread: Spread


@dataclass(frozen=True)
class Test:
    """The best row against another one, on the very same test clips.

    Attributes:
        other: number of the other row; the best is number 1.
        score: the word for the main score.
        difference, low, high: main score of the best less that of the other, with its 95 % interval.
        p, p_holm: of the permutation test; as it is, and corrected for the number of comparisons.
        only_best, only_other: clips that more of the trainings of the one row named rightly than of the other; of
            dimensions, clips that it told nearer to the truth.
        mcnemar, mcnemar_holm: p-values of McNemar's exact test on those clips; of dimensions it is the sign test.
    """

    other: int
    score: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    only_best: int
    only_other: int
    mcnemar: float
    mcnemar_holm: float

    @property
    def verdict(self) -> str:
        """`better`, `worse`: so is the best; or `no difference can be shown`."""
        if self.p_holm >= LEVEL:
            return "no difference can be shown"
        return "better" if self.difference > 0 else "worse"

    @property
    def _on_clips(self) -> str:
        return "McNemar's test" if self.score == SCORES["uar"] else "told nearer to the truth"

    @property
    def sentence(self) -> str:
        if self.p_holm >= LEVEL:
            said = f"no difference can be shown between 1 and {self.other}"
        else:
            said = f"1 is {self.verdict} than {self.other}"
        return (
            f"{said}: {self.score} {self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}], {p_word(self.p_holm)};"
            f" {self._on_clips}: {self.only_best} clips to {self.only_other}, {p_word(self.mcnemar_holm)}"
        )


@dataclass(frozen=True)
class Table:
    """Rows of one protocol and one corpus, tested on the very same clips, the best on validation first.

    Attributes:
        heading: corpus and protocol, in a line.
        apart: why these rows are not in the first table; empty for the first.
        columns: what the rows differ in: a value for each row, by name.
        scores: for each row, those of `words` by name.
        tests: of the first row against each other one.
        ranks: of all rows over the speakers; None where there are not enough of either, or too many rows.
        unit: what is resampled, speakers or clips.
        remarks: what a reader must know.
    """

    heading: str
    apart: str
    rows: list[Row]
    columns: dict[str, list[str]]
    scores: list[dict[str, Score]]
    tests: list[Test]
    ranks: Ranks | None
    unit: str
    remarks: list[str]

    @property
    def words(self) -> Mapping[str, str]:
        """The scores by name; the first is the one that counts."""
        return self.rows[0].measure.words

    def name(self, index: int) -> str:
        """What sets a row apart, in a line; its first folder where nothing does."""
        words = [f"{column}={values[index]}" for column, values in self.columns.items() if values[index] != NONE]
        return ", ".join(words) or self.rows[index].runs[0].folder.name

    @cached_property
    def telling(self) -> dict[str, list[str]]:
        """Columns that together tell all rows apart that differ, and no more of them; those that tell most first."""
        chosen: list[str] = []
        n = 1
        while rest := [column for column in self.columns if column not in chosen]:
            apart = {
                column: len(set(zip(*(self.columns[one] for one in [*chosen, column]), strict=True))) for column in rest
            }
            best = max(rest, key=apart.__getitem__)
            if apart[best] == n:
                break
            n = apart[best]
            chosen.append(best)
        return {column: shortened(self.columns[column]) for column in chosen}

    @property
    def labels(self) -> list[str]:
        """Of each row what tells it from the others; see `name` for all that it differs in."""
        named = {column: f"{column.rpartition('.')[2]}=" for column in self.telling}
        named |= {column: "" for column, values in self.telling.items() if all(map(_speaks, values))}
        return [
            ", ".join(f"{named[column]}{values[index]}" for column, values in self.telling.items()) or self.name(index)
            for index in range(len(self.rows))
        ]


def _speaks(value: str) -> bool:
    """Whether a value says something without its setting's name."""
    return value[:1].isalpha() and value not in ("true", "false", "null")


def compare(runs: Iterable[Run]) -> tuple[list[Table], list[LeftOut]]:
    """Tables, that with most rows first; and the runs that repeat others."""
    rows, repeated = gather(runs)
    alike: dict[Any, list[Row]] = {}
    for row in rows:
        alike.setdefault((frozenset(row.protocol.items()), tuple(row.clips)), []).append(row)
    groups = sorted(alike.values(), key=lambda group: -len(group))
    return [_table(group, groups[0][0]) for group in groups], repeated


def _table(rows: list[Row], first: Row) -> Table:
    rows = sorted(rows, key=lambda row: -row.validation.mean if row.validation else np.inf)
    clips, protocol = rows[0].clips, rows[0].protocol
    clusters, unit = statistics.clusters_of([clip.speaker for clip in clips])
    n_clusters = int(clusters.max()) + 1
    confusions = [_summed(row.counts, clusters) for row in rows]
    tests = _tests(rows, confusions) if rows[0].validation else []
    heading = (
        f"{protocol['corpus']}, split={protocol['split']}, split.seed={protocol['split.seed']}: {len(clips)} test clips"
    )
    if unit == "speakers":
        heading += f" of {n_clusters} speakers"
    remarks = list(dict.fromkeys(note for row in rows for run in row.runs for note in run.notes))
    if unit == "clips" and (remark := _few_speakers(clips)):
        remarks.append(remark)
    needed = statistics.clusters_needed(LEVEL / max(len(tests), 1))
    if tests and n_clusters < needed:
        remarks.append(
            f"{n_clusters} {unit} are too few to show a difference: {len(tests)} comparisons need {needed} at least."
            " Test more, such as by split.fold=all."
        )
    if len(rows) > 1 and not tests:
        remarks.append("No validation score is known, so that no row can be called the best, and none is tested.")
    return Table(
        heading=heading,
        apart=_why_apart(rows[0], first),
        rows=rows,
        columns=differing(rows),
        scores=[_scores(row, own) for row, own in zip(rows, confusions, strict=True)],
        tests=tests,
        ranks=rank(confusions, LEVEL) if unit == "speakers" and rows[0].measure is EMOTIONS else None,
        unit=unit,
        remarks=remarks,
    )


def _few_speakers(clips: Sequence[Clip]) -> str | None:
    """What a reader must know where speakers are named, and yet clips are drawn."""
    speakers = {clip.speaker for clip in clips}
    if not all(speakers):
        return None
    said = "1 speaker was" if len(speakers) == 1 else f"{len(speakers)} speakers were"
    return (
        f"Only {said} tested, fewer than {statistics.MIN_SPEAKERS}: intervals and tests are over clips, and tell how"
        " it is with these speakers, not with new ones."
    )


def _summed(confusions: Floats, clusters: Any) -> Floats:
    """What each cluster adds (n_clusters, ...), of what each clip adds (n_clips, ...)."""
    sums = np.zeros((clusters.max() + 1, *confusions.shape[1:]))
    np.add.at(sums, clusters, confusions)
    return sums


def _scores(row: Row, confusions: Floats) -> dict[str, Score]:
    """The scores of a row by what its clusters add, (n_clusters, ...), whatever the others."""
    measure = row.measure
    values, resampled = measure.scores(confusions.sum(axis=0)), measure.bootstrap(confusions)
    each = measure.scores(row.counts_of_each)
    return {
        name: Score(
            float(values[name]),
            *statistics.percentile_interval(resampled[name]),
            Spread.of(each[name].tolist()),
        )
        for name in measure.words
    }


def _tests(rows: Sequence[Row], confusions: Sequence[Floats]) -> list[Test]:
    """The first row against each other one, corrected for their number; `confusions` by row, as in `_scores`."""
    tests = []
    measure = rows[0].measure
    word = measure.words[measure.main]
    for number, (row, others) in enumerate(zip(rows[1:], confusions[1:], strict=True), start=2):
        best, other = (float(measure.scores(own.sum(axis=0))[measure.main]) for own in (confusions[0], others))
        low, high = statistics.percentile_interval(measure.difference(confusions[0], others))
        p = measure.p(confusions[0], others)
        rightly = rows[0].goodness - row.goodness
        clips = int((rightly > 0).sum()), int((rightly < 0).sum())
        mcnemar = statistics.sign_test(*clips)
        tests.append(Test(number, word, round(best - other, 12) + 0.0, low, high, p, p, *clips, mcnemar, mcnemar))
    p_holm = statistics.holm([test.p for test in tests])
    mcnemar_holm = statistics.holm([test.mcnemar for test in tests])
    return [
        replace(test, p_holm=p, mcnemar_holm=mcnemar)
        for test, p, mcnemar in zip(tests, p_holm, mcnemar_holm, strict=True)
    ]


def _why_apart(row: Row, first: Row) -> str:
    """Why a row does not stand in the table of the first row, in a sentence."""
    here, there = row.protocol, first.protocol
    if row is first or (here == there and row.clips == first.clips):
        return ""
    names = [name for name in dict.fromkeys([*there, *here]) if here.get(name) != there.get(name)]
    if "split" in names:  # its settings differ by nature
        names = [name for name in names if name == "split" or ("split" not in name and "folds" not in name)]
    said = [_differs(name, here.get(name), there.get(name)) for name in names]
    if not said:
        common = len(set(row.clips) & set(first.clips))
        said = [f"there are {len(row.clips)} test clips here and {len(first.clips)} there, {common} in common"]
    return f"Not comparable with the first table: {'; '.join(said)}."


def _differs(name: str, here: Any, there: Any) -> str:
    if isinstance(here, tuple) or isinstance(there, tuple):
        return f"{name} differ"
    return f"{name} is {here} here and {there} there"
