from pathlib import Path

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

from ser.layers.norm import BatchNorm1d, BatchNorm2d

SHAPES = {"sequences": (6, 5, 7), "pictures": (6, 5, 3, 7)}
OURS = {"sequences": BatchNorm1d, "pictures": BatchNorm2d}
TORCHS = {"sequences": nn.BatchNorm1d, "pictures": nn.BatchNorm2d}

kinds = pytest.mark.parametrize("kind", SHAPES)


@kinds
def test_alone_it_is_torchs(kind: str) -> None:
    torch.manual_seed(0)
    ours, reference = OURS[kind](5), TORCHS[kind](5)
    x = torch.randn(SHAPES[kind])
    torch.testing.assert_close(ours(x), reference(x), rtol=0, atol=0)
    torch.testing.assert_close(ours.running_var, reference.running_var, rtol=0, atol=0)


@kinds
def test_a_single_value_a_channel_is_normalised_with_the_running_statistics(kind: str) -> None:
    norm = OURS[kind](5).train()
    x = torch.randn(1, 5, *[1] * (len(SHAPES[kind]) - 2))
    torch.testing.assert_close(norm(x), x, rtol=1e-4, atol=1e-4)  # they are 0 and 1 still


def check_a_part(process: int, meeting: str) -> None:
    """One of two processes: 2 of 6 items, or 4, are normalised as the 6 together."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=process, world_size=2)
    try:
        for kind, shape in SHAPES.items():
            torch.manual_seed(0)
            whole, slope = torch.randn(shape).requires_grad_(), torch.randn(shape)
            mine = slice(0, 2) if process == 0 else slice(2, 6)
            part = whole.detach()[mine].clone().requires_grad_()
            norm, reference = OURS[kind](5), TORCHS[kind](5)
            out, expected = norm(part), reference(whole)
            (out * slope[mine]).sum().backward()
            (expected * slope).sum().backward()
            torch.testing.assert_close(out, expected[mine], rtol=1e-4, atol=1e-5)
            assert part.grad is not None and whole.grad is not None and norm.weight.grad is not None
            torch.testing.assert_close(part.grad, whole.grad[mine], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(norm.running_mean, reference.running_mean, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(norm.running_var, reference.running_var, rtol=1e-4, atol=1e-5)
            torch.distributed.all_reduce(norm.weight.grad)
            torch.testing.assert_close(norm.weight.grad, reference.weight.grad, rtol=1e-4, atol=1e-5)
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes_normalise_as_one(tmp_path: Path) -> None:
    start = torch.multiprocessing.start_processes
    start(check_a_part, (str(tmp_path / "meeting"),), nprocs=2, start_method="fork")  # type: ignore[no-untyped-call]
