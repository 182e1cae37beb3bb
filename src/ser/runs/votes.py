"""What metrics.json of a run folder says of the votes of several raters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Nearness:
    """Of answers to what raters said, in bits: a mean over the clips.

    Attributes:
        value: of the model's answers.
        interval: 95 %, by bootstrap over speakers; over clips where fewer than five are known.
        of_the_mean: of always answering the mean of what the raters of the test said.
        least: that no answer comes below.
    """

    value: float
    interval: list[float]
    of_the_mean: float
    least: float


@dataclass(frozen=True)
class VoteScores:
    """The test of a run whose clips were judged by several raters.

    Attributes:
        n: clips that somebody judged.
        cross_entropy, jensen_shannon: see `ser.raters`.
    """

    n: int
    cross_entropy: Nearness
    jensen_shannon: Nearness

    @property
    def by_name(self) -> dict[str, float]:
        """The single numbers."""
        return {"cross_entropy": self.cross_entropy.value, "jensen_shannon": self.jensen_shannon.value}


def read_vote_scores(content: Mapping[str, Any]) -> VoteScores | None:
    """What the content of a metrics.json says; None where it says nothing.

    Raises:
        KeyError, TypeError: it is damaged.
    """
    said = content.get("votes")
    if said is None:
        return None
    return VoteScores(said["n"], Nearness(**said["cross_entropy"]), Nearness(**said["jensen_shannon"]))
