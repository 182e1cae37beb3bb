"""The map of the clips: what the model makes of them, in two dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ser.page.drawing import N_COLORS, N_SHAPES
from ser.runs.embeddings import Embeddings, chosen
from ser.runs.names import EMOTION, FOLD, PREDICTED, SPEAKER, UTTERANCE, is_reserved
from ser.runs.predictions import Predictions

FEWEST_CLIPS = 5
N_NEIGHBOURS = 10
N_ITERATIONS = 500
PERPLEXITY = 30

Vectors = npt.NDArray[np.float32]


def make_map(embeddings: Embeddings, predictions: Predictions) -> dict[str, Any]:
    """What the page draws: the places of the clips, what is said of each, and what can colour them.

    By t-SNE (van der Maaten and Hinton 2008, JMLR 9, 2579-2605). Empty where there are too few clips; those whose
    vectors are not finite do not count.
    """
    fold = str(embeddings.fold)
    rows = {row[UTTERANCE]: row for row in predictions.rows if row.get(FOLD, fold) == fold}
    tested = [place for place, utterance in enumerate(embeddings.utterances) if utterance in rows]
    known = [place for place in tested if np.isfinite(embeddings.vectors[place]).all()]
    if len(known) < FEWEST_CLIPS:
        return {}
    places = [known[one] for one in chosen(len(known))]
    clips = [rows[embeddings.utterances[place]] for place in places]
    vectors = embeddings.vectors[places].astype(np.float32)
    return {
        "fold": embeddings.fold,
        "places": (1000 * _tsne(vectors)).round().astype(int).tolist(),
        "clips": [_about(row) for row in clips],
        "columns": {name: _codes(values) for name, values in _columns(clips).items()},
        "said": _said(vectors, clips),
        "n_not_finite": len(tested) - len(known),
        "n_left_out": len(rows) - len(tested) + len(known) - len(places),
    }


def _tsne(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Places (n_clips, 2), 0 to 1, always the same ones."""
    from sklearn.manifold import TSNE  # slow to import

    spread = vectors - vectors.mean(axis=0)
    spread /= spread.std() or 1
    if not spread.any():  # all are alike
        return np.full((len(vectors), 2), 0.5)
    model = TSNE(
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        init="pca" if min(spread.shape) > 1 else "random",
        max_iter=N_ITERATIONS,
        random_state=0,
        n_jobs=1,
    )
    places: npt.NDArray[np.float64] = model.fit_transform(spread).astype(float)
    low, high = places.min(axis=0), places.max(axis=0)
    middle: npt.NDArray[np.float64] = 0.5 + (places - (low + high) / 2) / ((high - low).max() or 1)
    return middle


def _said(vectors: Vectors, rows: Sequence[Mapping[str, str]]) -> str:
    """The map in a sentence: how many of a clip's nearest neighbours, by the vectors themselves, are of its kind."""
    norms = (vectors**2).sum(axis=1)
    distances = norms[:, None] + norms - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    n = min(N_NEIGHBOURS, len(rows) - 1)
    nearest = np.argpartition(distances, n - 1, axis=1)[:, :n]
    parts = []
    for name in (EMOTION, SPEAKER):
        values = np.array([row[name] for row in rows])
        if len(set(values)) > 1:
            same, by_chance = (values[nearest] == values[:, None]).mean(), _alike(values)
            parts.append(f"{same:.0%} have its {name} ({by_chance:.0%} by chance)")
    return f"{len(rows)} clips. Of the {n} nearest neighbours of a clip, {' and '.join(parts)}." if parts else ""


def _alike(values: npt.NDArray[np.str_]) -> float:
    """How likely two different clips have the same value."""
    _, counts = np.unique(values, return_counts=True)
    return float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1)))


def _about(row: Mapping[str, str]) -> str:
    answer = row[EMOTION] if row[PREDICTED] == row[EMOTION] else f"{row[EMOTION]}, taken for {row[PREDICTED]}"
    return f"{row[UTTERANCE]}: {answer}" + (f"; speaker {row[SPEAKER]}" if row[SPEAKER] else "")


def _columns(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """What clips can be coloured by: of few enough values for colours and shapes."""
    columns = {name: [row[name] for row in rows] for name in (EMOTION, PREDICTED)}
    columns["right or wrong"] = ["right" if row[EMOTION] == row[PREDICTED] else "wrong" for row in rows]
    columns |= {name: [row[name] for row in rows] for name in rows[0] if name == SPEAKER or not is_reserved(name)}
    return {name: values for name, values in columns.items() if 1 < len(set(values)) <= N_COLORS * N_SHAPES}


def _codes(values: Sequence[str]) -> dict[str, Any]:
    names = list(dict.fromkeys(values))
    numbers = {name: number for number, name in enumerate(names)}
    return {"names": [name or "–" for name in names], "codes": [numbers[value] for value in values]}
