"""How much is gained by knowing some clips of a speaker: the runs of a sweep as a table and a picture.

python train.py -m experiment=whisper_speaker normalize.clips=1,2,5,10,30 seed=0,1 hydra.sweep.dir=known
python train.py experiment=whisper_speaker hydra.run.dir=all
python train.py experiment=whisper_speaker normalize.emotion=neutral hydra.run.dir=neutral
python train.py experiment=whisper_linear hydra.run.dir=nobody
python benchmarks/known_speakers.py known all neutral nobody docs/known_speakers.png
"""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from matplotlib.figure import Figure


def uar(folder: Path) -> float:
    """Of the pooled folds of a run."""
    value: float = json.loads((folder / "metrics.json").read_text())["uar"]
    return value


def main() -> None:
    """Print the table, and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="over normalize.clips and seed")
    parser.add_argument("all", type=Path, help="a run where all clips of a speaker are known")
    parser.add_argument("neutral", type=Path, help="a run with normalize.emotion=neutral")
    parser.add_argument("nobody", type=Path, help="a run with normalize=training")
    parser.add_argument("picture", type=Path)
    args = parser.parse_args()
    scores: dict[int, list[float]] = {}
    for config in sorted(args.sweep.glob("*/.hydra/config.yaml")):
        n_clips = yaml.safe_load(config.read_text())["normalize"]["clips"]
        scores.setdefault(n_clips, []).append(uar(config.parent.parent))
    with (args.all / "predictions.csv").open(encoding="utf-8") as file:
        n_all = max(Counter(row["speaker"] for row in csv.DictReader(file)).values())
    scores[n_all] = [uar(args.all)]
    numbers = sorted(scores)
    print("| clips known of a speaker | UAR |\n|---|---|")
    print(f"| none, and nothing normalised by speaker | {uar(args.nobody):.3f} |")
    for number in numbers:
        values = scores[number]
        spread = f" ({min(values):.3f} to {max(values):.3f})" if max(values) > min(values) else ""
        print(f"| {'all, ' if number == n_all else ''}{number} | {np.mean(values):.3f}{spread} |")
    print(f"| the neutral ones (4) | {uar(args.neutral):.3f} |")
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    lowest, means, highest = (np.array([of(scores[n]) for n in numbers]) for of in (min, np.mean, max))
    axes.fill_between(numbers, lowest, highest, color="#0072B2", alpha=0.2, linewidth=0)
    axes.plot(numbers, means, "o-", color="#0072B2", label="drawn at random: mean and range of the draws")
    axes.plot([4], [uar(args.neutral)], "D", color="#D55E00", markersize=8, label="neutral clips alone")
    axes.axhline(uar(args.nobody), color="#555555", linestyle="--", label="nothing known (normalize=training)")
    axes.set(xlabel="clips known of each speaker, without labels", ylabel="UAR on speakers not in training")
    axes.set_xscale("log")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    figure.savefig(args.picture, dpi=130)


if __name__ == "__main__":
    main()
