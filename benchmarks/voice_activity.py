"""What finds speech best: energy, WebRTC's detector, or Silero's network, on the clips of RAVDESS.

    python benchmarks/voice_activity.py --corpus <folder of RAVDESS>

Prints for each method and threshold, all with the same rules for pauses and padding (`ser.inference.speech.Spans`):

- missed: of all clips, each heard alone, in how many it finds nothing. Crying and shouting are among them;
- F1 of frames of 32 ms, in recordings of a few minutes made of trimmed clips at the loudness they have and gaps of 0.5
  to 5 s; noise is added at some dB below the mean power of the speech. Babble is eight other speakers at once.
  What is within 0.25 s of an edge of a clip does not count;
- quiet: F1 of the recordings without added noise, 40 dB fainter;
- gaps and speech: of the recordings with white and pink noise at 10 dB, the part of the gaps that it calls speech, and
  of the speech that it misses;
- noise: in how many of the clips of 3 s without speech it finds some: zeros; white, pink and brown noise, tones, hum, a
  sweep, clicks, beeps; and in brackets, of how many with chords;
- ms of processor time a minute of audio, on one thread.

The energy of a frame is taken over the noise floor (the tenth percentile of the whole recording), or under the loudest
frame. Silero's network is taken as its package ships it, in TorchScript; with faint sound amplified as we do it; and as
it is in `ser.inference.speech`, amplified too, with the older weights that the package has as safetensors. webrtcvad
(`pip install webrtcvad-wheels`) is left out where it is missing. With the defaults: all 1440 clips, 4
recordings of about 3.5 minutes, each in 11 ways, 8 of every noise; four minutes on one core.
"""

import argparse
import importlib.util
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import torch

from ser import audio
from ser.audio import Waveform
from ser.inference import speech
from ser.inference.speech import CONTEXT, FRAME, SAMPLE_RATE

CLIPS_A_RECORDING, GAP_S, COLLAR_S, TRIM_DB = 45, (0.5, 5.0), 0.25, 30.0
BACKGROUND_DB = -70.0  # re full scale, white, of recordings that are called clean
NOISES, SNRS_DB = ("white", "pink", "babble"), (20, 10, 0)
COLORS = {"white": 0, "pink": 1, "brown": 2}  # how the power falls: 1/f to this power

Score = Callable[[Waveform], Any]  # a number for each frame: the higher, the more like speech
Recording = tuple[Waveform, Any]  # samples, and which frames are speech: 1, 0, or -1 where it does not count


def framed(waveform: Waveform) -> Waveform:
    return np.pad(waveform, (0, -len(waveform) % FRAME)).reshape(-1, FRAME)


def level_db(waveform: Waveform) -> Any:
    return 10 * np.log10(np.square(framed(waveform), dtype=np.float64).mean(1) + 1e-10)


def over_floor(waveform: Waveform) -> Any:
    levels = level_db(waveform)
    return levels - np.percentile(levels, 10)


def under_loudest(waveform: Waveform) -> Any:
    levels = level_db(waveform)
    return np.where(levels > -90, levels - levels.max(), -np.inf)


def silero(waveform: Waveform) -> Any:
    return speech._judge(np.pad(waveform, (CONTEXT, -len(waveform) % FRAME)), speech._at_start())[0]


def torchscript(amplified: bool) -> Score:
    path = str(distribution("silero-vad").locate_file("silero_vad/data/silero_vad.jit"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network = torch.jit.load(path)

    def score(waveform: Waveform) -> Any:
        network.reset_states()
        frames = torch.from_numpy(framed(waveform))
        if amplified:
            frames = frames * speech._gains(frames, 0.0)[0]
        return np.array([network(frame, SAMPLE_RATE).item() for frame in frames])

    return score


def webrtc(mode: int) -> Score:
    import webrtcvad

    def score(waveform: Waveform) -> Any:
        detector = webrtcvad.Vad(mode)
        frames = (framed(waveform)[:, :480] * 32767).astype(np.int16)  # it hears 30 ms at once
        return np.array([float(detector.is_speech(frame.tobytes(), SAMPLE_RATE)) for frame in frames])

    return score


def methods() -> Iterator[tuple[str, Score, list[float]]]:
    yield "energy over the floor, dB", over_floor, [6, 9, 12, 18]
    yield "energy under the loudest, dB", under_loudest, [-40, -30]
    if importlib.util.find_spec("webrtcvad"):
        for mode in range(4):
            yield f"webrtcvad, mode {mode}", webrtc(mode), [1]
    yield "Silero, TorchScript", torchscript(amplified=False), [0.2, 0.5]
    yield "Silero, TorchScript, amplified", torchscript(amplified=True), [0.2, 0.5]
    yield "Silero, ours", silero, [0.1, 0.15, 0.2, 0.3, 0.5]


def speech_frames(scores: Any, threshold: float) -> Any:
    """Which frames are speech by the rules of `Spans`."""
    spans, found = speech.Spans(), np.zeros(len(scores), bool)
    for start, end in [*spans.add(scores >= threshold), *spans.finish()]:
        found[round(start / speech.FRAME_S) : round(end / speech.FRAME_S)] = True
    return found


def colored(rng: np.random.Generator, n_samples: int, color: str) -> Any:
    """Noise of power 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE), 20)
    noise = np.fft.irfft(spectrum * frequency ** (-COLORS[color] / 2), n_samples)
    return noise / np.sqrt(np.square(noise).mean())


def amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def babble(rng: np.random.Generator, clips: list[Waveform], n_samples: int) -> Any:
    voices = []
    for _ in range(8):
        order = rng.permutation(len(clips))
        voice = np.concatenate([clips[i] / np.sqrt(np.square(clips[i]).mean()) for i in order[: n_samples // 16000]])
        voices.append(np.resize(voice, n_samples))
    mixed = np.sum(voices, 0)
    return mixed / np.sqrt(np.square(mixed).mean())


def recordings(rng: np.random.Generator, clips: list[Waveform], others: list[Waveform]) -> dict[str, Recording]:
    """One recording, clean and with each noise."""
    pieces, marks = [], []
    for i in rng.choice(len(clips), CLIPS_A_RECORDING, replace=False):
        gap = round(rng.uniform(*GAP_S) * SAMPLE_RATE)
        pieces += [np.zeros(gap), clips[i]]
        marks += [np.zeros(gap), np.ones(len(clips[i]))]
    samples, is_speech = np.concatenate(pieces), np.concatenate(marks)
    power = np.square(samples[is_speech == 1]).mean()
    width = 2 * round(COLLAR_S * SAMPLE_RATE) + 1
    share = scipy.ndimage.uniform_filter1d(is_speech, width)
    counted = np.where(share > 1 - 0.5 / width, 1, np.where(share < 0.5 / width, 0, -1))
    truth = counted[FRAME // 2 :: FRAME]
    clean = samples + amplitude(BACKGROUND_DB) * rng.standard_normal(len(samples))
    made = {"clean": clean, "quiet": amplitude(-40) * clean}
    for kind in NOISES:
        noise = babble(rng, others, len(samples)) if kind == "babble" else colored(rng, len(samples), kind)
        for snr in SNRS_DB:
            made[f"{kind} {snr}"] = samples + np.sqrt(power) * amplitude(-snr) * noise
    return {name: (mixed.astype(np.float32), truth) for name, mixed in made.items()}


def without_speech(rng: np.random.Generator) -> Iterator[tuple[str, Waveform]]:
    n = 3 * SAMPLE_RATE
    t = np.arange(n) / SAMPLE_RATE
    yield "zeros", np.zeros(n)
    for color in COLORS:
        for level in (-60, -40, -20):
            yield f"{color} {level}", amplitude(level) * colored(rng, n, color)
    for level in (-50, -20):
        yield f"tone {level}", amplitude(level) * np.sin(2 * np.pi * rng.uniform(100, 2000) * t)
    yield "hum", 0.05 * sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) / k for k in range(1, 9))
    yield "sweep", 0.1 * scipy.signal.chirp(t, 100, t[-1], 4000)
    clicks = np.zeros(n)
    for place in rng.integers(0, n - 80, 9):
        clicks[place : place + 80] += 0.4 * rng.standard_normal(80) * np.exp(-np.arange(80) / 16)
    yield "clicks", clicks
    yield "beeps", 0.1 * np.sign(np.sin(2 * np.pi * 800 * t)) * (np.sin(2 * np.pi * t) > 0)
    chords = np.zeros(n)
    for begin in np.arange(0, 3, 0.5):
        fades = np.where(t >= begin, np.exp(-3 * (t - begin)), 0)
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        for interval in (0, 4, 7):
            for harmonic in range(1, 6):
                chords += fades * np.sin(2 * np.pi * root * 2 ** (interval / 12) * harmonic * t) / harmonic
    yield "chords", 0.3 * chords / np.abs(chords).max()


def rates(found: Any, truth: Any) -> tuple[float, float, float]:
    """F1, the part of non-speech that is called speech, and the part of speech that is missed."""
    hits, alarms, misses = (found & (truth == 1)).sum(), (found & (truth == 0)).sum(), (~found & (truth == 1)).sum()
    return 2 * hits / (2 * hits + alarms + misses), alarms / (truth == 0).sum(), misses / (truth == 1).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--recordings", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    paths = sorted(path for ending in ("wav", "flac") for path in options.corpus.rglob(f"*.{ending}"))
    whole = [audio.load(path, sample_rate=SAMPLE_RATE) for path in paths]
    trimmed = [audio.trim(clip, TRIM_DB) for clip in whole]
    half = [path.parent.name <= "Actor_12" for path in paths]
    heard = [clip for clip, mine in zip(trimmed, half, strict=True) if mine]
    others = [clip for clip, mine in zip(trimmed, half, strict=True) if not mine]
    made = [recordings(np.random.default_rng(seed), heard, others) for seed in range(options.recordings)]
    noises = [named for seed in range(8) for named in without_speech(np.random.default_rng(seed))]
    chords = [np.float32(x) for name, x in noises if name == "chords"]
    silent = [np.float32(x) for name, x in noises if name != "chords"]
    minutes = sum(len(recording["clean"][0]) for recording in made) / SAMPLE_RATE / 60
    print(
        f"{len(whole)} clips; {len(made)} recordings, {minutes:.1f} minutes; "
        f"{len(silent)} clips of noise, {len(chords)} of chords"
    )
    kinds = {"clean": ["clean"], "quiet": ["quiet"]}
    kinds |= {f"{snr} dB": [f"white {snr}", f"pink {snr}"] for snr in SNRS_DB}
    kinds |= {f"babble {snr} dB": [f"babble {snr}"] for snr in SNRS_DB}
    columns = ["method", "threshold", "missed", *kinds, "gaps", "speech", "noise", "ms"]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for name, score, thresholds in methods():
        score(whole[0])  # loads what it needs
        of_clips = [score(clip) for clip in whole]
        started = time.process_time()
        of_clean = [score(recording["clean"][0]) for recording in made]
        took = 1000 * (time.process_time() - started) / minutes
        scores = [
            {kind: scored if kind == "clean" else score(samples) for kind, (samples, _) in recording.items()}
            for recording, scored in zip(made, of_clean, strict=True)
        ]
        of_silent, of_chords = [score(x) for x in silent], [score(x) for x in chords]
        for threshold in thresholds:
            by_kind = {}
            for kind in made[0]:
                found = [speech_frames(of_one[kind], threshold) for of_one in scores]
                truth = np.concatenate([recording[kind][1] for recording in made])
                by_kind[kind] = rates(np.concatenate(found)[: len(truth)], truth)
            f1 = [f"{np.mean([by_kind[kind][0] for kind in those]):.3f}" for those in kinds.values()]
            gaps, missed = (np.mean([by_kind[kind][i] for kind in ("white 10", "pink 10")]) for i in (1, 2))
            count = [sum(speech_frames(x, threshold).any() for x in those) for those in (of_silent, of_chords)]
            clips_missed = sum(not speech_frames(x, threshold).any() for x in of_clips)
            cells = [
                name,
                f"{threshold:g}",
                clips_missed,
                *f1,
                f"{gaps:.1%}",
                f"{missed:.1%}",
                f"{count[0]} ({count[1]})",
            ]
            print("| " + " | ".join(map(str, cells)) + f" | {took:.0f} |", flush=True)
    found = [sum(speech.has_speech(clip, SAMPLE_RATE) for clip in those) for those in (whole, silent, chords)]
    print(
        f"has_speech: {len(whole) - found[0]} clips missed, {found[1]} of noise and {found[2]} of chords called speech"
    )
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    activity, blocks = speech.VoiceActivity(), framed(made[0]["pink 10"][0])
    for second in range(3600 * SAMPLE_RATE // (3 * FRAME)):
        activity.feed(blocks[3 * second % (len(blocks) - 3) :][:3].ravel())
    activity.finish()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"an hour in blocks of 96 ms: {time.process_time() - started:.1f} s, {grown:.0f} MiB more at the peak")


if __name__ == "__main__":
    main()
