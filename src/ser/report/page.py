"""report.html of a run folder: one file that opens without a network."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

from ser.errors import ReportError
from ser.files import replacing
from ser.page.drawing import N_COLORS, confusion, style
from ser.page.rendering import render
from ser.report import drawing, words
from ser.report.embedding import make_map
from ser.report.examples import Shown, mistakes, shown_examples
from ser.report.reading import Run, read
from ser.runs.examples import MISTAKE
from ser.runs.names import EMBEDDINGS, EXAMPLES, MAIN_SCORES, PAGE, SCORES
from ser.runs.predictions import confidence
from ser.runs.report import headline
from ser.runs.report_tables import few_speakers, gap_line
from ser.runs.results import Results

_HERE = Path(__file__).parent
MANY = 40  # rows of a breakdown: more of them are folded up


def write_page(folder: Path) -> Path:
    """Write the page of a run, or of a fold of one, from what lies in its folder; returns where it lies.

    Raises:
        ReportError: there is no result in the folder, or a file is damaged without which there is no page.
        OSError: the page cannot be written.
    """
    try:
        html = render(_HERE / "report.html", **_shown(read(folder)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{folder}: no page can be made ({error}); run it again") from None
    with replacing(folder / PAGE) as beside:
        beside.write_bytes(html.encode("utf-8", errors="backslashreplace"))
    return folder / PAGE


def _shown(run: Run) -> dict[str, Any]:
    """What the template shows."""
    results, predictions = run.evaluation.results, run.evaluation.predictions
    assessment, calibration = results.assessment, results.calibration
    breakdown = assessment.breakdown if assessment else {}
    examples: list[Shown] = run.parts.read(EXAMPLES, lambda folder: list(shown_examples(folder)), [])
    clips: dict[str, Any] = {}
    held = run.embeddings
    if held:
        clips = run.parts.read(EMBEDDINGS, lambda _: make_map(held, predictions), clips)
    return {
        "left_out": run.parts.left_out,
        "title": words.title(results),
        "heading": headline(results),
        "folder": run.folder.resolve().name,
        "notices": words.notices(results),
        "scores": _scores(results),
        "intervals": assessment and assessment.intervals,
        "hint": few_speakers(assessment) if assessment else "",
        "listeners": results.facts.corpus.listeners,
        "raters": words.raters(results),
        "protocol": words.protocol(results),
        "facts": words.facts_of(results, run.choices),
        "ensemble": results.facts.ensemble,
        "per_class": results.scores.per_class,
        "labels": results.scores.labels,
        "matrix": confusion(predictions.confusion),
        "panels": drawing.curves(run.trainings),
        "folds": [(f"fold {fold}", style(index, "none")) for index, fold in enumerate(run.trainings)],
        "breakdown": breakdown,
        "extremes": {name: words.extremes(groups) for name, groups in breakdown.items() if len(groups) > 2},
        "gaps": {name: gap_line(name, gap) for name, gap in assessment.gaps.items()} if assessment else {},
        "many": MANY,
        "calibration": words.calibration(calibration) if calibration else [],
        "diagrams": [
            drawing.reliability(calibration.bins),
            drawing.coverage(calibration.coverage.points),
        ]
        if calibration
        else [],
        "map": clips,
        "traits": [style(index, "none") for index in range(N_COLORS)],
        "mistakes": [(row, confidence(row)) for row in mistakes(predictions)],
        "wrong": [example for example in examples if example.example.kind == MISTAKE],
        "listened": [example for example in examples if example.cells],
        "n_wanted": sum(example.example.wanted for example in examples),
        "robustness": run.robustness,
        "config": _without_home(run.config),
        "environment": _without_home(json.dumps(run.environment, indent=1, ensure_ascii=False))
        if run.environment
        else "",
        "versions": results.facts.versions,
        "git_commit": results.facts.git_commit,
        "is_changed": run.is_changed,
        "command": _command(run.command),
        "typed_in": run.environment.get("folder"),
    }


def _without_home(text: str, sign: str = "~") -> str:
    """A text with a sign for the home folder of whoever makes the page, whose name is nobody's business."""
    home = os.path.expanduser("~").rstrip(os.sep)  # noqa: PTH111 - Path's fails where there is none
    return re.sub(rf"(?<![\w./-]){re.escape(home)}(?![\w.-])", sign, text) if home else text


def _command(typed: str) -> str:
    """A command with $HOME in it: Hydra takes no ~, and a shell does not know it within a word.

    >>> _command("ser train epochs=3")
    'ser train epochs=3'
    """
    try:
        words = shlex.split(typed)
    except ValueError:  # nobody can type it
        return _without_home(typed)
    quoted = [(word, shlex.quote(word)) for word in words]
    return " ".join(_without_home(safe, "$HOME" if word == safe else "'\"$HOME\"'") for word, safe in quoted)


def _scores(results: Results) -> list[dict[str, Any]]:
    """The main scores, each with its interval, and beside it those of chance and listeners, where they are known."""
    scores = [{"name": SCORES[name], "value": getattr(results.scores, name), "beside": {}} for name in MAIN_SCORES]
    if assessment := results.assessment:
        for name, score in zip(MAIN_SCORES, scores, strict=True):
            baselines = assessment.baselines
            score["interval"] = getattr(assessment.intervals, name)
            score["beside"] = {"chance": baselines.chance[name], "majority": baselines.majority[name]}
    if listeners := results.facts.corpus.listeners:
        scores[MAIN_SCORES.index("accuracy")]["beside"]["listeners"] = listeners.accuracy
    return scores
