"""What the page of a run of task=dimensions shows."""

import base64
from typing import Any

from ser.report.examples import Shown, shown_examples
from ser.report.reading import Run
from ser.runs.dimensions.names import SCATTER, SCORES, interval_text, number, score_text
from ser.runs.dimensions.report import DimensionEvaluation, dimension_headline, few_units, untold
from ser.runs.dimensions.results import Agreement
from ser.runs.names import EXAMPLES

N_FARTHEST = 10
CONTENTS = {
    "result": "Result",
    "protocol": "Protocol",
    "scatter": "Truth and answer",
    "curves": "Learning curves",
    "breakdown": "Breakdown",
    "farthest": "Farthest from the truth",
    "again": "Making it again",
}


def shown(run: Run, evaluation: DimensionEvaluation) -> dict[str, Any]:
    """What the template shows, beside what it shows of any run."""
    results, table = evaluation.results, evaluation.predictions
    examples: list[Shown] = run.parts.read(EXAMPLES, lambda folder: list(shown_examples(folder)), [])
    many = {"mean": results.whole} if len(results.dimensions) > 1 else {}
    heading = dimension_headline(results)
    return {
        "contents": CONTENTS,
        "title": f"{heading}: CCC {results.whole.ccc:.3f}",
        "heading": heading,
        "words": SCORES,
        "main": _row("", results.whole)["scores"][0],
        "rows": [_row(name, scores) for name, scores in {**results.per_dimension, **many}.items()],
        "results": results,
        "hint": few_units(results),
        "untold": untold(results),
        "in_digits": number,
        "picture": run.parts.read(SCATTER, lambda folder: _data((folder / SCATTER).read_bytes()), ""),
        "breakdown": results.breakdown,
        "wrong": examples,
        "farthest": [(table.rows[place], *table.caption(place)) for place in table.farthest[:N_FARTHEST]],
    }


def _row(name: str, scores: Agreement) -> dict[str, Any]:
    intervals = scores.intervals or {}
    told = [
        (score_text(score, value), interval_text(score, intervals.get(score), "{} to {}"))
        for score, value in scores.by_name.items()
    ]
    return {"name": name, "scores": told}


def _data(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
