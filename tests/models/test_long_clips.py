"""Ten minutes of speech, at 100 frames a second, are heard whole and in bounded memory."""

import os
import subprocess
import sys

PROGRAM = """
import resource
import torch
from tests.components import make

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

features, lengths = torch.randn(1, 8, 60_000), torch.tensor([60_000])
small = dict(n_bands=8, n_classes=4)
models = [make("model/crnn", **small, channels=16, hidden=8), make("model/transformer", **small, size=16, layers=1)]
models += [make(f"model/{name}", **small, hidden=8) for name in ("lstm", "gru")]
before = peak()
for model in models:
    with torch.no_grad():
        assert model.eval()(features, lengths).isfinite().all()
    print(type(model).__name__, peak() - before)
"""


def test_ten_minutes_fit_into_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown = dict(line.split() for line in done.stdout.splitlines())
    # Attention's matrix of 15000 x 15000 tokens would take 860 MB for each of the four heads.
    assert len(grown) == 4 and max(map(int, grown.values())) < 300, f"MB: {grown}"
