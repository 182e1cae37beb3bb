"""The tables of report.txt: by class, by member of an ensemble, main scores, and what they are broken down by."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich.cells import cell_len

from ser import metrics
from ser.runs.assessment import Assessment, Gap, Interval
from ser.runs.facts import Ensemble
from ser.runs.names import MAIN_SCORES, SCORES, SPEAKER
from ser.runs.results import Results, Scores, Spread

LEVEL = 0.05  # below which a difference is called one
ENOUGH_SPEAKERS = 10  # bootstrap intervals of fewer hold the true value less often than 95 % of the time
OVER_CLIPS = "where a group has fewer than five speakers, its intervals are over clips: for other speakers too narrow"


def class_table(scores: Scores) -> list[str]:
    """Per-class table in the form of scikit-learn's classification report; a wide character takes two columns."""
    classes, n_test = scores.per_class, scores.n_test
    width = max(map(cell_len, ["weighted avg", *classes]))

    def row(name: str, values: list[float], support: int) -> str:
        padded = " " * (width - cell_len(name)) + name
        return f"{padded}  " + " ".join(f"{value:>9.2f}" for value in values) + f" {support:>9}"

    table = np.array([[one.precision, one.recall, one.f1, one.support] for one in classes.values()])
    seen = metrics.seen(np.array(scores.confusion))
    return [
        f"{'':>{width}}  precision    recall  f1-score   support",
        "",
        *(row(label, [one.precision, one.recall, one.f1], one.support) for label, one in classes.items()),
        "",
        f"{'accuracy':>{width}}  {'':>9} {'':>9} {scores.accuracy:>9.2f} {n_test:>9}",
        row("macro avg", table[seen, :3].mean(axis=0).tolist(), n_test),
        row("weighted avg", np.average(table[:, :3], axis=0, weights=table[:, 3]).tolist(), n_test),
    ]


def member_table(ensemble: Ensemble, scores: Scores) -> list[str]:
    """The members of an ensemble beside it: own scores, and weights, of folds their mean and deviation."""
    ours = "ensemble"
    width = max(map(cell_len, [ours, *ensemble.members]))

    def row(name: str, uar: float, accuracy: float, weight: str) -> str:
        return f"{name}{' ' * (width - cell_len(name))}  {uar:>9.3f} {accuracy:>9.3f}  {weight}".rstrip()

    lines = [f"mean of the probabilities of {len(ensemble.members)} runs, weights={ensemble.weights}:", ""]
    lines += [f"{'':>{width}}  {SCORES['uar']:>9} {SCORES['accuracy']:>9}  weight"]
    for name, member in ensemble.members.items():
        spread = Spread.of(member.weight)
        weight = f"{spread.mean:.3f}" + (f" ± {spread.std:.3f}" if len(member.weight) > 1 else "")
        lines.append(row(name, member.uar, member.accuracy, weight))
    return [*lines, row(ours, scores.uar, scores.accuracy, "")]


def main_scores(results: Results) -> list[str]:
    """The main scores with their intervals, beside what is reached without listening, and by people."""
    assessment, listeners = results.assessment, results.facts.corpus.listeners
    scores = results.scores.by_name
    if assessment is None:
        return ["   ".join(f"{SCORES[name]} {scores[name]:.3f}" for name in MAIN_SCORES)]
    intervals, baselines = assessment.intervals, assessment.baselines
    rows = [["", "", "95 % interval", "chance", "majority", *(["listeners"] if listeners else [])]]
    for name in MAIN_SCORES:
        beside = [f"{baselines.chance[name]:.3f}", f"{baselines.majority[name]:.3f}"]
        if listeners and name == "accuracy":
            beside.append(f"{listeners.accuracy:.3f}")
        rows.append([SCORES[name], f"{scores[name]:.3f}", between(getattr(intervals, name)), *beside])
    lines = [*grid(rows), f"intervals by bootstrap over {intervals.n_units} {intervals.unit}"]
    lines += [hint] if (hint := few_speakers(assessment)) else []
    if listeners:
        lines.append(f"listeners: {listeners.what} ({listeners.source})")
    return lines


def broken_down(assessment: Assessment) -> list[str]:
    """UAR and accuracy by attribute, what the gaps are, and the speaker who is told worst."""
    rows = [["", "", SCORES["uar"], "95 % interval", SCORES["accuracy"], "95 % interval", "clips"]]
    over_clips = False
    for attribute, groups in assessment.attributes.items():
        for group in groups:
            scores = [f"{group.uar:.3f}", between(group.uar_interval)]
            scores += [f"{group.accuracy:.3f}", between(group.accuracy_interval)]
            over_clips |= group.unit != assessment.intervals.unit
            rows.append([attribute if group is groups[0] else "", group.value, *scores, str(group.n)])
    lines = [*grid(rows, left=2), *([OVER_CLIPS] if over_clips else []), ""] if len(rows) > 1 else []
    lines += [gap_line(name, gap) for name, gap in assessment.gaps.items()]
    many = [f"{name} ({n} values)" for name, n in assessment.not_broken_down.items()]
    lines += [f"not broken down: {', '.join(many)}"] if many else []
    return [*lines, *_worst(assessment)]


def gap_line(attribute: str, gap: Gap) -> str:
    """The gap between the two values of an attribute in words, and the emotion in which it is widest."""
    said = f"{gap.higher} is told better than {gap.lower}"
    if gap.smallest_p >= LEVEL:
        said = f"too few are tested to show a difference between {gap.higher} and {gap.lower}"
    elif gap.p >= LEVEL:
        said = f"no difference can be shown between {gap.higher} and {gap.lower}"
    widest = max(gap.recall, key=lambda label: abs(gap.recall[label]))
    over = f" over the {len(gap.recall)} emotions that both have" if gap.lacking else ""
    where = f"; widest in {widest}: {gap.recall[widest]:+.3f}" if gap.recall[widest] else ""
    return f"{attribute}: {said}: UAR {gap.uar:+.3f} {between(gap.interval, sign='+')}{over}, {p_word(gap.p)}{where}"


def _worst(assessment: Assessment) -> Iterator[str]:
    worst = assessment.worst_speaker
    if worst:
        yield (
            f"worst speaker: {worst.value}, UAR {worst.uar:.3f} {between(worst.uar_interval)} (over {worst.n} clips)"
        )


def few_speakers(assessment: Assessment) -> str:
    """What a reader must know of the intervals where few speakers were tested; empty where nothing."""
    n, unit = assessment.intervals.n_units, assessment.intervals.unit
    n_speakers = len(assessment.breakdown.get(SPEAKER, ()))
    low, high = assessment.intervals.uar
    if low == high:
        return "whichever are drawn, the score is the same: no interval can be told from so few"
    if unit == "speakers" and n < ENOUGH_SPEAKERS:
        return (
            f"so few speakers tell little: the intervals are too narrow, {ENOUGH_SPEAKERS} speakers at least are wanted"
        )
    if unit == "clips" and n_speakers:
        return "clips of one speaker are alike: for other speakers these intervals are too narrow"
    return ""


def between(interval: Interval | None, sign: str = "") -> str:
    """
    >>> between([0.71234, 0.8]), between([0.5, 0.5]), between(None)
    ('[0.712, 0.800]', '–', '–')
    """
    low, high = interval or (0, 0)
    if low == high:
        return "–"
    return f"[{low:{sign}.3f}, {high:{sign}.3f}]"


def p_word(p: float) -> str:
    """
    >>> p_word(0.0004), p_word(0.0123), p_word(1.0)
    ('p < 0.001', 'p = 0.012', 'p = 1')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 1 else "p = 1"


def grid(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Rows as lines, straight in any script: the first `left` columns to the left, the others to the right."""
    columns = max(map(len, rows))
    full = [[*row, *[""] * (columns - len(row))] for row in rows]
    widths = [max(cell_len(row[column]) for row in full) for column in range(columns)]
    lines = []
    for row in full:
        padded = []
        for column, (word, width) in enumerate(zip(row, widths, strict=True)):
            room = " " * (width - cell_len(word))
            padded.append(word + room if column < left else room + word)
        lines.append("  ".join(padded).rstrip())
    return lines
