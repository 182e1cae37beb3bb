import torch

from ser.layers.mask import frame_mask
from ser.layers.pooling import AttentionPooling, AveragePooling, RecurrentPooling, StatisticsPooling, pooling


def test_average_is_the_mean_over_real_frames() -> None:
    frames = torch.randn(3, 5, 9)
    lengths = torch.tensor([9, 4, 1])
    pooled = AveragePooling()(frames, frame_mask(lengths, 9))
    for row, length, result in zip(frames, lengths, pooled, strict=True):
        torch.testing.assert_close(result, row[:, :length].mean(dim=1))


def test_attention_sees_real_frames_only() -> None:
    torch.manual_seed(0)
    pool = AttentionPooling(5)
    frames = torch.randn(3, 5, 9)
    lengths = torch.tensor([9, 4, 1])
    mask = frame_mask(lengths, 9)
    pooled = pool(frames, mask)
    torch.testing.assert_close(pool(frames.masked_fill(~mask[:, None], 1e4), mask), pooled)
    for row, length, result in zip(frames, lengths, pooled, strict=True):
        alone = row[None, :, :length]
        torch.testing.assert_close(pool(alone, torch.ones(1, int(length), dtype=torch.bool))[0], result)
    torch.testing.assert_close(pooled[2], frames[2, :, 0])


def test_attention_weighs_by_its_score() -> None:
    pool = AttentionPooling(2)
    with torch.no_grad():
        pool.score.weight.copy_(torch.tensor([[[50.0], [0.0]]]))
    frames = torch.tensor([[[0.0, 1.0, 0.0], [3.0, 7.0, 5.0]]])
    torch.testing.assert_close(pool(frames, torch.ones(1, 3, dtype=torch.bool)), torch.tensor([[1.0, 7.0]]))


def test_recurrent_has_the_mean_and_knows_the_order() -> None:
    torch.manual_seed(0)
    pool = RecurrentPooling(5, dropout=0.5).eval()
    frames = torch.randn(1, 5, 9)
    mask = torch.ones(1, 9, dtype=torch.bool)
    pooled, turned = pool(frames, mask), pool(frames.flip(2), mask)
    assert pooled.shape == (1, pool.size)
    torch.testing.assert_close(pooled[:, :5], frames.mean(dim=2))
    torch.testing.assert_close(turned[:, :5], pooled[:, :5])
    assert (turned[:, 5:] - pooled[:, 5:]).abs().max() > 1e-3


def test_statistics_are_mean_and_deviation_normalised_over_the_batch() -> None:
    frames = (5 * torch.randn(3, 4, 9) + 2).requires_grad_()
    lengths = torch.tensor([9, 4, 1])
    pool = StatisticsPooling(4)
    expected = torch.stack(
        [
            torch.cat([row[:, :length].mean(dim=1), row[:, :length].std(dim=1, correction=0)])
            for row, length in zip(frames, lengths, strict=True)
        ]
    )
    pooled = pool(frames, frame_mask(lengths, 9))
    scaled = (expected - expected.mean(dim=0)) / (expected.var(dim=0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(pooled, scaled, atol=1e-3, rtol=1e-3)
    pooled.square().sum().backward()
    assert frames.grad is not None and frames.grad.isfinite().all()


def test_by_name() -> None:
    assert isinstance(pooling("statistics", 4), StatisticsPooling)
    assert isinstance(pooling("average", 4), AveragePooling)
    assert isinstance(pooling("attention", 4), AttentionPooling)
