"""How near the answers to a test come to what its raters said, from predictions alone."""

import numpy as np

from ser.metrics import Floats
from ser.raters import cross_entropy, entropy, jensen_shannon
from ser.runs.names import SPEAKER
from ser.runs.predictions import Predictions
from ser.runs.votes import Nearness, VoteScores
from ser.statistics import clusters_of, percentile_interval, resampled

N_RESAMPLES = 2000


def vote_scores(predictions: Predictions) -> VoteScores | None:
    """Compare the probabilities of a test with the votes of raters.

    Returns:
        None where there are no votes, or a probability is missing or no number.
    """
    votes = predictions.votes
    judged = np.flatnonzero(np.isfinite(votes).all(axis=1))
    if not len(judged):
        return None
    try:
        answers = predictions.probabilities[judged]
    except ValueError:
        return None
    wanted = votes[judged]
    mean = np.broadcast_to(wanted.mean(axis=0), wanted.shape)
    clusters, _ = clusters_of([predictions.rows[place][SPEAKER] for place in judged])

    def nearness(own: Floats, of_the_mean: Floats, least: float) -> Nearness:
        counts = np.stack([np.bincount(clusters, own), np.bincount(clusters)], axis=1).astype(float)
        drawn = np.concatenate([sums[:, 0] / sums[:, 1] for sums in resampled(counts, n_resamples=N_RESAMPLES, seed=0)])
        interval = [round(end, 5) for end in percentile_interval(drawn)]
        return Nearness(round(float(own.mean()), 6), interval, round(float(of_the_mean.mean()), 6), round(least, 6))

    return VoteScores(
        len(judged),
        nearness(cross_entropy(wanted, answers), cross_entropy(wanted, mean), float(entropy(wanted).mean())),
        nearness(jensen_shannon(wanted, answers), jensen_shannon(wanted, mean), 0.0),
    )


def told(scores: VoteScores) -> list[str]:
    """Sentences for a report."""
    return [
        f"{name} of what the raters said and the answers: {one.value:.3f} bits [{one.interval[0]:.3f},"
        f" {one.interval[1]:.3f}]; {one.of_the_mean:.3f} of always answering the raters' mean, {one.least:.3f} at best"
        for name, one in (
            ("cross-entropy", scores.cross_entropy),
            ("Jensen-Shannon divergence", scores.jensen_shannon),
        )
    ]


def about_agreement(alpha: float) -> str:
    """Krippendorff's alpha of a corpus's raters in a sentence."""
    return f"agreement of the raters on all clips: Krippendorff's alpha {alpha:.3f} (1 wholly, 0 as by lot)"
