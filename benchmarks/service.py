"""What a service makes of many requests at once: answered, refused, lost; how long they wait; how many a second.

    python benchmarks/service.py <model> <folder of clips> [--fold 1]

Starts `ser serve`, and posts 100 clips, evenly spaced in the folder: so many at once, each by a connection of its own.
The client takes a little of the same processor's time.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests

AT_ONCE = (1, 8, 100)
N_POSTED = 100


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("clips", type=Path)
    parser.add_argument("--fold")
    args = parser.parse_args()
    paths = sorted(path for path in args.clips.rglob("*") if path.suffix in (".wav", ".flac"))
    clips = [paths[place * len(paths) // N_POSTED].read_bytes() for place in range(N_POSTED)]
    words = ["serve", args.model, "--port", "0", *(["--fold", args.fold] if args.fold else [])]
    command = [sys.executable, "-c", "from ser.commands import main; main()", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-4]
        try:
            _post(address, clips[0])  # what is slow the first time
            print("| at once | answered | refused | lost | p50 s | p95 s | answered a second |\n" + "|---" * 7 + "|")
            for at_once in AT_ONCE:
                print(_row(address, clips, at_once), flush=True)
        finally:
            server.terminate()


def _row(address: str, clips: list[bytes], at_once: int) -> str:
    started = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = list(pool.map(lambda clip: _post(address, clip), clips))
    wall_s = time.monotonic() - started
    counts = Counter(status for status, _ in outcomes)
    lost = len(outcomes) - counts[200] - counts[413] - counts[429]
    p50, p95 = np.percentile([seconds for status, seconds in outcomes if status == 200], [50, 95])
    numbers = f"{at_once} | {counts[200]} | {counts[413] + counts[429]} | {lost}"
    return f"| {numbers} | {p50:.2f} | {p95:.2f} | {counts[200] / wall_s:.1f} |"


def _post(address: str, clip: bytes) -> tuple[int, float]:
    """The status, 0 where there is no answer; and how long it took in seconds."""
    started = time.monotonic()
    try:
        status = requests.post(f"{address}predict", files={"file": clip}, timeout=600).status_code
    except requests.RequestException:
        status = 0
    return status, time.monotonic() - started


if __name__ == "__main__":
    main()
