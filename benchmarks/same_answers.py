"""How far a trained model's answers for files are from its own test's predictions.csv.

OMP_NUM_THREADS=1 python benchmarks/same_answers.py <run> [--fold 1]
"""

import argparse
from pathlib import Path

from ser import load
from ser.errors import AudioError
from ser.runs.names import PREDICTIONS, fold_folder
from ser.runs.predictions import read_predictions


def main() -> None:
    """Print a row of a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--fold", type=int)
    args = parser.parse_args()
    folder = fold_folder(args.run, args.fold) if args.fold else args.run
    table = read_predictions(folder / PREDICTIONS)
    predictor = load(args.run, fold=args.fold)
    said = list(predictor.predict_each([Path(row["path"]) for row in table.rows]))
    silent = sum(not isinstance(one, AudioError) and one.is_silent for one in said)
    answers = [
        (one, row) for one, row in zip(said, table.probabilities, strict=True) if getattr(one, "probabilities", None)
    ]
    largest = max(abs(list(one.probabilities.values()) - row).max() for one, row in answers)
    n_same = sum(one.emotion == table.labels[row.argmax()] for one, row in answers)
    print(f"| {args.run.name} | {len(said)} clips | {largest:.1e} | same emotion {n_same} | called silence {silent} |")


if __name__ == "__main__":
    main()
