"""`ser live`: the emotion of whoever speaks, while they speak."""

import sys
from collections.abc import Iterator

import click
import numpy as np

EXAMPLES = """\b
Examples:
  ser live outputs/<run>                            # the microphone
  ser live outputs/<run> --window 2 --hop 0.5
  ffmpeg -i a.mp4 -f s16le -ac 1 -ar 16000 - | ser live outputs/<run> -

Ctrl-C ends it. docs/predict.md tells more."""


@click.command("live", epilog=EXAMPLES)
@click.argument("model")
@click.argument("source", required=False, metavar="[-]", type=click.Choice(["-"]))
@click.option("--fold", type=int, help="Of a run over all folds; else the mean of all.")
@click.option("--window", "window_s", type=float, default=3.0, show_default=True, metavar="S", help="Seconds heard.")
@click.option("--hop", "hop_s", type=float, default=1.0, show_default=True, metavar="S", help="Between two answers.")
@click.option("--rate", type=click.IntRange(4000, 192_000), default=16_000, show_default=True, help="Samples a second.")
@click.option("--device", help="Microphone: its number, or a part of its name.")
@click.option("--speaker", help="Who speaks, of a model that knows speakers.")
@click.option("--trust", multiple=True, metavar="PACKAGE", help="Whose code the model may use beside that of ser.")
def command(
    model: str,
    source: str | None,
    fold: int | None,
    window_s: float,
    hop_s: float,
    rate: int,
    device: str | None,
    speaker: str | None,
    trust: tuple[str, ...],
) -> None:
    """Say the emotion of whoever speaks, a line each hop, with how long each answer took.

    MODEL is as of ser predict. With - the sound comes on standard input: raw samples, 16 bits, little-endian, mono.
    """
    from ser.commands.predicting import clock, likely
    from ser.inference.live import Listener, from_microphone, from_stream
    from ser.inference.loading import load

    predictor = load(model, fold=fold, trust=trust)
    predictor.refuse_numbers("ser live")
    listener = Listener(predictor, rate, window_s=window_s, hop_s=hop_s, speaker=speaker)
    print(f"{predictor.about}; Ctrl-C ends", file=sys.stderr)
    blocks = from_stream(sys.stdin.buffer, rate, hop_s) if source else from_microphone(rate, hop_s, device)
    latencies: list[float] = []
    try:
        for samples, is_behind in blocks:
            for said in listener.hear(samples, is_behind=is_behind):
                latencies.append(said.latency_s)
                answer = likely(said.segment.emotion, said.segment.probabilities)
                print(f"{clock(said.segment.end_s):>8}  {answer}  [{1000 * said.latency_s:.0f} ms]", flush=True)
    except KeyboardInterrupt:
        pass
    print("\n".join(_summary(latencies, listener.seconds, listener.n_skipped)), file=sys.stderr)


def _summary(latencies: list[float], seconds: float, n_skipped: int) -> Iterator[str]:
    if not latencies:
        yield f"heard {seconds:.1f} s, less than a hop: nothing to say"
        return
    middle, late = 1000 * np.quantile(latencies, [0.5, 0.95])
    factor = sum(latencies) / seconds
    yield (
        f"heard {seconds:.1f} s: {len(latencies)} answers, latency {middle:.0f} ms (95 %: {late:.0f} ms), real-time"
        f" factor {factor:.2f}"
    )
    if n_skipped:
        yield f"{n_skipped} answers were left out, for this machine is too slow; take a longer --hop"
