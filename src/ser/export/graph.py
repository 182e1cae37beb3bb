"""A trained model as one graph: raw samples in, log-probabilities out."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torchaudio
from torch import Tensor, nn

from ser.errors import ModelError
from ser.export import fixed
from ser.features.base import FrozenFeature
from ser.features.encoder import Encoder
from ser.inference.answering import told_key
from ser.inference.members import Member
from ser.layers.mask import frame_mask
from ser.models.base import SolvedModel
from ser.models.finetune import Finetune
from ser.recognizer import Recognizer

SHORTEST_S = 1.0  # of what a graph takes, padding included: below, there might be a single frame somewhere
LONGEST_S = 600.0  # of a clip for a model without an encoder
EXAMPLE = (7, 20_011)  # clips and samples to trace with; no size of a network is either, for torch would mix them up


class Graph(nn.Module):
    """The mean of some recognisers, without a step that depends on a value.

    Args:
        members: their recognisers are copied.

    Attributes:
        sample_rate: in Hz.
        longest: samples of a clip, at most.

    Raises:
        ModelError: one of them cannot be written so.
    """

    log_weights: Tensor

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        first = members[0].recognizer.feature
        if len({(one.recognizer.feature.sample_rate, one.recognizer.feature.trim_db) for one in members}) > 1:
            raise ModelError(
                f"{members[0].source}: its runs take clips of different sample rates or trimmings, more than a graph"
                " holds; export them one by one, or --to safetensors"
            )
        self.sample_rate = first.sample_rate
        self.keys = [told_key(one.recognizer) for one in members]
        self.recognizers = nn.ModuleList()
        for number, member in enumerate(members):
            copied = copy.deepcopy(member.recognizer)
            first_alike = self.keys.index(self.keys[number])
            if first_alike < number:  # what is heard alike is heard once
                copied.feature = nn.Identity()  # type: ignore[assignment]
            self.recognizers.append(_fixed(copied, member))
            if first_alike < number:
                copied.feature = self.recognizers[first_alike].feature  # type: ignore[assignment]
        self.register_buffer("log_weights", torch.tensor([member.weight for member in members]).log())
        speeds = [speed for one in self.recognizers for speed in getattr(one.model, "speeds", [])]
        self.speeds = nn.ModuleDict({_name(speed): fixed.Speed(speed) for speed in speeds})
        windows = [one.longest for one in self.modules() if isinstance(one, fixed.FixedEncoder)]
        self.longest = int(min([LONGEST_S * self.sample_rate, *windows]) * min(1.0, *speeds, 1.0))

    def forward(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities (batch, n_classes) of clips.

        Args:
            samples: (batch, samples), float32 in [-1, 1].
            lengths: (batch,), int64; what comes after a clip's end has no say.
        """
        samples = samples * frame_mask(lengths, samples.shape[1])
        heard: dict[str, tuple[Tensor, Tensor]] = {}
        answers = []
        for key, recognizer in zip(self.keys, self.recognizers, strict=True):
            assert isinstance(recognizer, Recognizer)
            if key not in heard:
                heard[key] = self._heard(recognizer, samples, lengths)
            answers.append(recognizer(*heard[key]))
        return torch.logsumexp(torch.stack(answers) + self.log_weights[:, None, None], dim=0)

    def _heard(self, recognizer: Recognizer, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What a recogniser takes, as `ser.inference.answering.inputs_of` gives it."""
        model = recognizer.model
        if not isinstance(model, SolvedModel):
            return recognizer.frames(samples, lengths)
        views = []
        for speed in model.speeds:
            frames = recognizer.frames(*self.speeds[_name(speed)](samples, lengths))
            views.append(model.statistics(*frames)[0])
        return torch.cat(views, dim=-1)[:, None], torch.full_like(lengths, len(views))


def program_of(graph: Graph) -> torch.export.ExportedProgram:
    """The graph for any number of clips of any length, within its limits.

    Raises:
        ModelError: torch cannot trace it.
    """
    n_clips, n_samples = EXAMPLE
    example = torch.rand(n_clips, n_samples) - 0.5, torch.arange(n_samples, 0, -n_samples // n_clips)[:n_clips]
    batch = torch.export.Dim("batch", min=1, max=4096)
    samples = torch.export.Dim("samples", min=round(SHORTEST_S * graph.sample_rate), max=graph.longest)
    shapes = {"samples": {0: batch, 1: samples}, "lengths": {0: batch}}
    with _traceable():
        # Of some sums of lengths torch cannot tell that they are above 1: checked when it runs.
        program = torch.export.export(
            graph.eval(), example, dynamic_shapes=shapes, prefer_deferred_runtime_asserts_over_guards=True
        )
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else []:
            node.meta.pop("stack_trace", None)  # it tells where on this machine we are installed
    return program


def _fixed(recognizer: Recognizer, member: Member) -> Recognizer:
    """A recogniser with its parts in a form that a graph can hold; is changed."""
    feature, model = recognizer.feature, recognizer.model
    if recognizer.speakers:
        raise ModelError(
            f"{member.source}: was trained with normalize=speaker, and what it knows of speakers is more"
            " than a graph holds; use --to safetensors"
        )
    if isinstance(feature, Encoder):
        recognizer.feature = fixed.FixedFeature(feature, feature.load())
    elif isinstance(feature, FrozenFeature):
        raise ModelError(
            f"{member.source}: its feature, {type(feature).__name__}, is computed outside a graph; use --to safetensors"
        )
    if isinstance(model, Finetune):
        rounded = model.lower.numbers if recognizer.reads_lower and model.lower else []
        recognizer.reads_lower = False
        model.encoder = fixed.FixedEncoder(model.encoder, tuple(rounded))  # type: ignore[assignment]
    for parent in list(recognizer.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torchaudio.transforms.Spectrogram):
                setattr(parent, name, fixed.Spectrogram(child))
            elif isinstance(child, nn.LSTM | nn.GRU):
                setattr(parent, name, fixed.Recurrent(child))
    recognizer.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return recognizer


@contextmanager
def _traceable() -> Iterator[None]:
    """Keep torch from a path for transformer layers that cannot be traced, and from gradients."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _name(speed: float) -> str:
    return str(round(100 * speed))
