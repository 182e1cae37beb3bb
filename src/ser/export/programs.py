"""A graph as a file: ONNX, or torch's exported program; checked against PyTorch, and in 8 bits."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser import metrics
from ser.errors import ModelError
from ser.export.fixed import Recurrent
from ser.export.graph import SHORTEST_S, Graph, program_of
from ser.export.material import Material, log_answers
from ser.inference.members import Member
from ser.metrics import Floats

ONNX, PROGRAM = "model.onnx", "model.pt2"
MOST = 1e-3  # by which log-probabilities may differ from those of PyTorch
MOST_LOST = 0.01  # of the UAR, in 8 bits
INPUTS, OUTPUTS = ["samples", "lengths"], ["log_probabilities"]
QUANTIZED = ("MatMul", "Gemm", "LSTM", "Conv")
INLINE_BYTES = 1_500_000_000  # more weights than fit into the one file of ONNX lie beside it

Run = Callable[[Tensor, Tensor], Floats]


def write_onnx(graph: Graph, path: Path, about: Mapping[str, Any]) -> None:
    """Write a graph as ONNX; `about` goes to its metadata.

    Raises:
        ModelError: it cannot be.
    """
    with _said_once("onnx"):
        made = torch.onnx.export(
            program_of(graph), dynamo=True, verbose=False, input_names=INPUTS, output_names=OUTPUTS
        )
        assert made is not None
        n_bytes = sum(one.numel() * one.element_size() for one in graph.state_dict().values())
        made.model.metadata_props.update({name: json.dumps(value) for name, value in about.items()})
        for node in made.model.graph.all_nodes():
            node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)
        made.save(path, external_data=n_bytes > INLINE_BYTES)


def write_program(graph: Graph, path: Path) -> None:
    """Write a graph as a program of torch.export.

    Raises:
        ModelError: it cannot be.
    """
    if any(isinstance(one, Recurrent) for one in graph.modules()):
        raise ModelError(
            "--to torch: torch unrolls recurrences (lstm, gru, crnn, model.pool=recurrent) to the length of one clip;"
            " use --to onnx or --to safetensors"
        )
    with _said_once("torch"):
        torch.export.save(program_of(graph), path)


def onnx_run(path: Path) -> Run:
    """What answers by onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(samples: Tensor, lengths: Tensor) -> Floats:
        answers: Floats = session.run(None, {"samples": samples.numpy(), "lengths": lengths.numpy()})[0]
        return answers

    return run


def program_run(path: Path) -> Run:
    """What answers by a program of torch.export."""
    module = torch.export.load(path).module()

    @torch.inference_mode()
    def run(samples: Tensor, lengths: Tensor) -> Floats:
        answers: Floats = module(samples, lengths).double().numpy()
        return answers

    return run


def answers(run: Run, material: Material, sample_rate: int, title: str) -> Floats:
    """Log-probabilities (clips, n_classes), in padded batches."""
    batches = list(material.batches(round(SHORTEST_S * sample_rate)))
    return np.concatenate([run(*batch) for batch in _tracked(batches, title)])


def checked(
    members: Sequence[Member], material: Material, run: Run, sample_rate: int, what: str
) -> tuple[float, Floats]:
    """The largest difference of log-probabilities from those of PyTorch, and the file's own (clips, n_classes).

    Raises:
        ModelError: it is above `MOST`.
    """
    expected = np.stack([log_answers(members, one) for one in _tracked(material.waveforms, "by PyTorch")])
    own = answers(run, material, sample_rate, f"by {what}")
    difference = float(np.abs(own - expected).max())
    if not difference <= MOST:
        raise ModelError(
            f"{what} differs from PyTorch by {difference:.2g} in log-probabilities, on {material.about}; at most"
            f" {MOST:g} is let through, and nothing was written; use --to safetensors"
        )
    return difference, own


def quantize(path: Path, material: Material, before: Floats, sample_rate: int) -> dict[str, float]:
    """Put a model of 8 bits in the place of an ONNX model: the weights of its layers, not of what is before them.

    Args:
        path: of the model.
        material: test clips, with their emotions.
        before: log-probabilities (clips, n_classes) that it gives.
        sample_rate: in Hz.

    Returns:
        UAR and accuracy, before and after.

    Raises:
        ModelError: the UAR falls by more than `MOST_LOST`.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    smaller = path.with_name(f"int8-{path.name}")
    model = onnx.load(path)
    _turn_weights(model.graph)
    left = [node.name for node in model.graph.node if node.op_type in QUANTIZED and not _is_of_layers(node)]
    with _quiet():
        quantize_dynamic(
            model, smaller, op_types_to_quantize=list(QUANTIZED), nodes_to_exclude=left, weight_type=QuantType.QUInt8
        )
    after = answers(onnx_run(smaller), material, sample_rate, "in 8 bits")
    scores: dict[str, float] = {}
    for name, given in (("before", before), ("after", after)):
        confusion = metrics.confusion_matrix(material.emotions, given.argmax(1).tolist(), given.shape[1])
        scores |= {f"uar_{name}": metrics.uar(confusion), f"accuracy_{name}": metrics.accuracy(confusion)}
    if scores["uar_before"] - scores["uar_after"] > MOST_LOST:
        raise ModelError(
            f"--int8: UAR would fall from {scores['uar_before']:.3f} to {scores['uar_after']:.3f} on {material.about};"
            " nothing was written; leave it out"
        )
    smaller.replace(path)
    return scores


def _turn_weights(graph: Any) -> None:
    """Transpose weights for good where a node does so: those that are computed are not put into 8 bits."""
    from onnx import numpy_helper

    weights = {one.name: one for one in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in weights]:
        turned = f"{node.input[0]}.T"
        if turned not in weights:
            array = numpy_helper.to_array(weights[node.input[0]])
            axes = next((list(one.ints) for one in node.attribute if one.name == "perm"), None)
            weights[turned] = numpy_helper.from_array(np.ascontiguousarray(array.transpose(axes)), turned)
            graph.initializer.append(weights[turned])
        for other in graph.node:
            other.input[:] = [turned if name == node.output[0] else name for name in other.input]
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for weight in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(weight)


def _is_of_layers(node: Any) -> bool:
    """Whether a node is of a model, or of the transformer layers of an encoder; not of what makes spectra."""
    told = {one.key: one.value for one in node.metadata_props}.get("pkg.torch.onnx.name_scopes", "")
    names = [name for name in (*node.input[1:2], *reversed(told.split("'"))) if name.startswith("recognizers.")]
    parts = names[0].split(".") if names else []
    return "layers" in parts or (parts[2:3] == ["model"] and "encoder" not in parts)


def _tracked(items: Sequence[Any], title: str) -> Iterator[Any]:
    from rich.progress import track

    return iter(track(items, title, transient=True))


@contextmanager
def _said_once(to: str) -> Iterator[None]:
    """Say in one message that torch cannot write a graph."""
    try:
        with _quiet():
            yield
    except (ModelError, OSError):
        raise
    except Exception as error:  # what cannot be traced ends in many ways
        words = [line for line in str(error).splitlines() if line.startswith("<class")] or str(error).splitlines()
        reason = words[0][:200] if words else type(error).__name__
        raise ModelError(f"--to {to}: torch cannot write this model ({reason}); use --to safetensors") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters from telling what they do."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
