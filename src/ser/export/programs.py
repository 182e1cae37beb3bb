"""A graph as a file: ONNX, or torch's exported program; checked against PyTorch, and in 8 bits."""

import hashlib
import json
import logging
import math
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
LEAST = 0.5  # of the weights of the layers, that shall be in 8 bits
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
            node.metadata_props.clear()  # where on this machine it was made
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


def quantize(path: Path, graph: Graph, material: Material, before: Floats, sample_rate: int) -> dict[str, float]:
    """Put a model of 8 bits in the place of an ONNX model: the weights of its layers, not of what is before them.

    Args:
        path: of the model.
        graph: that it was made of.
        material: test clips, with their emotions.
        before: log-probabilities (clips, n_classes) that it gives.
        sample_rate: in Hz.

    Returns:
        UAR, accuracy and size in MB, before and after.

    Raises:
        ModelError: less than `LEAST` of the weights can be in 8 bits, or the UAR falls by more than `MOST_LOST`.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    smaller = path.with_name(f"int8-{path.name}")
    model = onnx.load(path)
    _turn_weights(model.graph)
    layers = _layers(model.graph, graph)
    left = [node.name for node in model.graph.node if node.op_type in QUANTIZED and not layers & {*node.input}]
    n_weights = sum(math.prod(one.dims) for one in model.graph.initializer if one.name in layers)
    with _quiet():
        quantize_dynamic(
            model, smaller, op_types_to_quantize=list(QUANTIZED), nodes_to_exclude=left, weight_type=QuantType.QUInt8
        )
    kinds = onnx.TensorProto.UINT8, onnx.TensorProto.INT8  # those of an LSTM have a sign
    of_8_bits = [one for one in onnx.load(smaller).graph.initializer if one.data_type in kinds]
    share = sum(math.prod(one.dims) for one in of_8_bits) / n_weights
    if share < LEAST:
        raise ModelError(
            f"--int8: {share:.0%} of the weights of the layers can be in 8 bits (those of a GRU cannot), too few to"
            " matter; nothing was written; leave it out"
        )
    after = answers(onnx_run(smaller), material, sample_rate, "in 8 bits")
    scores: dict[str, float] = {}
    for name, file, given in (("before", path, before), ("after", smaller, after)):
        confusion = metrics.confusion_matrix(material.emotions, given.argmax(1).tolist(), given.shape[1])
        scores |= {f"uar_{name}": metrics.uar(confusion), f"accuracy_{name}": metrics.accuracy(confusion)}
        scores[f"mb_{name}"] = sum(one.stat().st_size for one in path.parent.glob(f"{file.name}*")) / 1e6
    if scores["uar_before"] - scores["uar_after"] > MOST_LOST:
        raise ModelError(
            f"--int8: UAR would fall from {scores['uar_before']:.3f} to {scores['uar_after']:.3f} on {material.about};"
            " nothing was written; leave it out"
        )
    smaller.replace(path)
    path.with_name(f"{path.name}.data").unlink(missing_ok=True)  # those of 32 bits
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


def _layers(model: Any, graph: Graph) -> set[str]:
    """Names of the weights that are of the layers; what torch has turned and renamed is known by what it holds."""
    from onnx import numpy_helper

    known = set()
    for name, value in graph.state_dict().items():
        if _is_of_layers(name) and value.ndim > 1:
            known |= {_digest(one.contiguous().numpy()) for one in (value, value.mT)}
    return {
        one.name
        for one in model.initializer
        if len(one.dims) > 1 and (_is_of_layers(one.name) or _digest(numpy_helper.to_array(one)) in known)
    }


def _is_of_layers(name: str) -> bool:
    """Whether a weight is of a model, or of the transformer layers of an encoder; not of what makes spectra."""
    parts = name.split(".")
    return parts[0] == "recognizers" and ("layers" in parts or (parts[2] == "model" and "encoder" not in parts))


def _digest(values: Floats) -> bytes:
    return hashlib.sha256(values.tobytes()).digest()


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
