"""WavLM's attention by torch's fused kernel: what transformers computes, in less time and memory."""

from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor


def attend_fast(model: Any) -> None:
    """Have the attention of a WavLM model of transformers computed by `attend`."""
    for layer in model.encoder.layers:
        layer.attention.torch_multi_head_self_attention = partial(attend, layer.attention)


def position_bias(attention: Any, n_clips: int, n_frames: int) -> Tensor:
    """What the first layer's `attention` gives to all layers above it, (batch * heads, frames, frames)."""
    bias: Tensor = attention.compute_bias(n_frames, n_frames)
    return bias.repeat(n_clips, 1, 1)


def attend(attention: Any, hidden: Tensor, mask: Tensor | None, bias: Tensor) -> tuple[Tensor, None]:
    """Self-attention with a gated relative position bias. (Chen et al. 2022, arXiv 2110.13900)

    Args:
        attention: transformers' module, for its projections.
        hidden: (batch, frames, size).
        mask: which frames are real (batch, frames); None: all.
        bias: added to the scores, (batch * heads, frames, frames).
    """
    n_clips, n_frames, size = hidden.shape
    query, key, value = (
        project(hidden).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)  # (batch, heads, frames, size / heads)
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    scores = bias.view(n_clips, attention.num_heads, n_frames, n_frames)
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, None], float("-inf"))
    dropout = attention.dropout if attention.training else 0.0
    heard = F.scaled_dot_product_attention(query, key, value, attn_mask=scores.to(query.dtype), dropout_p=dropout)
    return attention.out_proj(heard.transpose(1, 2).reshape(n_clips, n_frames, size)), None
