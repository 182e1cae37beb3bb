"""How fast an exported model answers, beside PyTorch.

    python benchmarks/export.py RUN EXPORTED [EXPORTED ...] [--fold N] [--clips 40]

One thread, one clip at a time, of the run's own test; decoding and trimming left out. Prints the size, and clips a
second of processor time, which other programs disturb less than the clock.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.functional import pad

from ser.audio import Waveform
from ser.export import programs
from ser.export.material import log_answers, material
from ser.export.origin import origin_of
from ser.inference.members import read_members


def clips_a_second(answer: Callable[[Waveform], object], clips: list[Waveform]) -> float:
    for clip in clips[:3]:
        answer(clip)
    begin = time.process_time()
    for clip in clips:
        answer(clip)
    return len(clips) / (time.process_time() - begin)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("exported", type=Path, nargs="+")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--clips", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    members, _ = read_members(options.run, options.fold, [])
    longest = members[0].recognizer.feature.sample_rate * 20
    tried = material(origin_of(options.run, options.fold).folder, members, longest)
    clips = list(tried.waveforms[:: max(len(tried.waveforms) // options.clips, 1)])
    seconds = sum(map(len, clips)) / members[0].recognizer.feature.sample_rate / len(clips)
    print(f"{len(clips)} clips of {seconds:.1f} s on average")
    print(f"PyTorch: {clips_a_second(lambda clip: log_answers(members, clip), clips):.1f} clips a second")
    for folder in options.exported:
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        path = next(path for path in (folder / programs.ONNX, folder / programs.PROGRAM) if path.exists())
        run = programs.onnx_run(path) if path.name == programs.ONNX else programs.program_run(path)

        def answer(clip: Waveform, run: programs.Run = run, shortest: int = about["shortest_samples"]) -> object:
            samples = torch.from_numpy(clip)[None]
            return run(pad(samples, (0, max(shortest - len(clip), 0))), torch.tensor([len(clip)]))

        speed = clips_a_second(answer, clips)
        size = path.stat().st_size / 1e6
        told = f"differs by {about['largest_difference']:.1e} on {about['checked_with']} {about.get('int8', '')}"
        print(f"{folder}: {speed:.1f} clips a second, {size:.1f} MB; {told}")


if __name__ == "__main__":
    main()
