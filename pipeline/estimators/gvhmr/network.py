"""GVHMR's network: from normalised keypoints, box, camera rotation and image features to motion tokens.

Shen et al., "World-Grounded Human Motion Recovery via Gravity-View Coordinates", SIGGRAPH Asia 2024. Names of
parameters are those of the published checkpoint, so that its tensors load by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu

from pipeline.estimators.gvhmr.attention import rotary_table, rotate, windowed_attention
from robots.exceptions import InvalidArray

N_KEYPOINTS = 17
"""COCO's."""
N_STATIC = 6
"""Joints whose standing still is told: ankle and foot of the left, of the right leg, left and right wrist."""
POINT_WIDTH = 32
"""Width of one keypoint's embedding."""
VISIBLE = 0.5
"""Confidence above which a keypoint is seen."""
_BETAS = slice(126, 136)
_CHUNK_FRAMES = 1024
"""Frames that go through a wide layer at a time: what is in between stays near the processor, however long the clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """Sizes of a network; the defaults are those of the published one."""

    latent: int = 512
    """Width of a frame's token."""
    layers: int = 12
    """Transformer blocks."""
    heads: int = 8
    """Attention heads."""
    mlp_ratio: float = 4.0
    """Width of the hidden layer of a block's perceptron, in widths of the token."""
    window: int = 120
    """Frames that a frame attends to."""
    embed: int = 1024
    """Width of the hidden layer that keypoints go through."""
    image_features: int = 1024
    """Length of the image feature; 0 for a network without images."""
    detail_features: int = 0
    """Length of the detail condition (:mod:`pipeline.estimators.gvhmr.detail`); 0 for none, as in the published one."""
    output: int = 151
    """Length of the motion code."""

    def __post_init__(self) -> None:
        """Refuse sizes that fit no network."""
        if min(self.latent, self.layers, self.heads, self.window, self.embed, self.output) < 1:
            raise InvalidArray("shape", problem=f"holds a size below one: {self}")
        if self.latent % (2 * self.heads) or self.window % 2:
            raise InvalidArray("shape", problem=f"needs an even number of features a head and an even window: {self}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkInputs:
    """What the network is given of a batch of clips."""

    obs: Float[Tensor, "batch frames 17 3"]
    """Keypoints in units of half the box, from its centre, and confidence."""
    cliffcam: Float[Tensor, "batch frames 3"]
    """Box centre from the principal point and box side, in focal lengths."""
    cam_angvel: Float[Tensor, "batch frames 6"]
    """Normalised 6-D rotation of the camera from each frame to the next; zero where it rests."""
    imgseq: Float[Tensor, "batch frames features"] | None = None
    """Image features, where there are any."""
    detail: Float[Tensor, "batch frames details"] | None = None
    """The detail condition, for networks that have one."""
    length: tuple[int, ...] | None = None
    """Valid frames of each clip; all if not given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkOutputs:
    """What the network says of a batch of clips."""

    pred_x: Float[Tensor, "batch frames 151"]
    """Normalised motion code; its betas are one for a clip."""
    pred_cam: Float[Tensor, "batch frames 3"]
    """Normalised weak-perspective camera, for :meth:`Codec.camera`."""
    static_logits: Float[Tensor, "batch frames 6"]
    """Log odds that a joint stands still."""
    context: Float[Tensor, "batch frames latent"]
    """Tokens after the last block."""


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int, output: int, *, tanh: bool = False) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, output)
        self._approximate = "tanh" if tanh else "none"

    def forward(self, x: Tensor, p: float = 0.0) -> Tensor:
        """Apply both, dropping a share ``p`` after each while training."""
        if torch.is_grad_enabled() or x.shape[1] <= _CHUNK_FRAMES:
            return self._apply_both(x, p)
        return torch.cat([self._apply_both(part, p) for part in x.split(_CHUNK_FRAMES, dim=1)], dim=1)

    def _apply_both(self, x: Tensor, p: float) -> Tensor:
        hidden = dropout(gelu(self.fc1(x), approximate=self._approximate), p, self.training)
        return dropout(self.fc2(hidden), p, self.training)


class Attention(nn.Module):
    """Multi-head attention over a sliding window, with rotary positions."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(shape.latent, shape.latent), nn.Linear(shape.latent, shape.latent)
        self.value, self.proj = nn.Linear(shape.latent, shape.latent), nn.Linear(shape.latent, shape.latent)
        self._heads, self._window = shape.heads, shape.window

    def forward(self, x: Tensor, table: tuple[Tensor, Tensor], valid: Tensor | None, p: float) -> Tensor:
        """Attend; ``table`` turns queries and keys by their frames."""
        q, k, v = (
            layer(x).unflatten(-1, (self._heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        drop = p if self.training else 0.0
        seen = windowed_attention(rotate(q, table), rotate(k, table), v, window=self._window, valid=valid, dropout=drop)
        return self.proj(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A pre-norm transformer block whose two branches are let in by learned gates."""

    def __init__(self, shape: NetworkShape, gate: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.latent, eps=1e-6)
        self.attn = Attention(shape)
        self.norm2 = nn.LayerNorm(shape.latent, eps=1e-6)
        self.mlp = Mlp(shape.latent, int(shape.latent * shape.mlp_ratio), shape.latent, tanh=True)
        self.gate_msa = nn.Parameter(torch.full((1, 1, shape.latent), gate))
        self.gate_mlp = nn.Parameter(torch.full((1, 1, shape.latent), gate))

    def forward(self, x: Tensor, table: tuple[Tensor, Tensor], valid: Tensor | None, p: float) -> Tensor:
        """Add attention, then the perceptron."""
        x = x + self.gate_msa * self.attn(self.norm1(x), table, valid, p)
        return x + self.gate_mlp * self.mlp(self.norm2(x), p)


class GvhmrNetwork(nn.Module):
    """The transformer; at the published sizes it has 247 tensors with 40.9 million numbers."""

    def __init__(self, shape: NetworkShape, *, dropout: float = 0.1, gate: float = 0.0) -> None:
        """Make a network with fresh weights from torch's generator.

        Args:
            shape: Its sizes.
            dropout: Share dropped while training.
            gate: How far each block's branches are let in at first.
        """
        super().__init__()
        self.shape, self.dropout = shape, dropout
        width = shape.latent
        self.learned_pos_params = nn.Parameter(torch.randn(N_KEYPOINTS, POINT_WIDTH))
        self.learned_pos_linear = nn.Linear(2, POINT_WIDTH)
        self.embed_noisyobs = Mlp(N_KEYPOINTS * POINT_WIDTH, shape.embed, width)
        self.cliffcam_embedder = _condition(3, width, dropout)
        self.cam_angvel_embedder = _condition(6, width, dropout)
        if shape.image_features:
            self.imgseq_embedder = nn.Sequential(
                nn.LayerNorm(shape.image_features), _zeroed(nn.Linear(shape.image_features, width))
            )
        if shape.detail_features:
            self.detail_embedder = Mlp(shape.detail_features, shape.embed, width)
            _zeroed(self.detail_embedder.fc2)
        self.blocks = nn.ModuleList([Block(shape, gate) for _ in range(shape.layers)])
        self.final_layer = Mlp(width, width, shape.output)
        self.pred_cam_head = Mlp(width, width, 3)
        self.static_conf_head = Mlp(width, width, N_STATIC)

    def forward(self, inputs: NetworkInputs) -> NetworkOutputs:
        """Run the network.

        Raises:
            InvalidArray: Image features or details are given to a network that has no place for them.
        """
        valid = _valid(inputs)
        x = self._token(inputs)
        table = rotary_table(x.shape[1], self.shape.latent // self.shape.heads, x.device)
        for block in self.blocks:
            x = block(x, table, valid, self.dropout)
        code = self.final_layer(x)
        betas = _mean_over_valid(code[..., _BETAS], valid)
        code = torch.cat(
            [code[..., : _BETAS.start], betas.expand(-1, x.shape[1], -1), code[..., _BETAS.stop :]], dim=-1
        )
        return NetworkOutputs(
            pred_x=code, pred_cam=self.pred_cam_head(x), static_logits=self.static_conf_head(x), context=x
        )

    def _token(self, inputs: NetworkInputs) -> Tensor:
        """Embed the keypoints and add the conditions."""
        visible = inputs.obs[..., 2:] > VISIBLE
        points = torch.where(visible, self.learned_pos_linear(inputs.obs[..., :2]), self.learned_pos_params)
        x = self.embed_noisyobs(points.flatten(-2), self.dropout)
        x = x + self.cliffcam_embedder(inputs.cliffcam) + self.cam_angvel_embedder(inputs.cam_angvel)
        for name, given in (("imgseq", inputs.imgseq), ("detail", inputs.detail)):
            if given is None:
                continue
            embedder = getattr(self, f"{name}_embedder", None)
            if embedder is None:
                raise InvalidArray(name, problem="is given to a network without a place for it")
            x = x + embedder(given)
        return x


def _condition(width: int, latent: int, p: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, latent), nn.SiLU(), nn.Dropout(p), _zeroed(nn.Linear(latent, latent)))


def _zeroed(layer: nn.Linear) -> nn.Linear:
    """Let a condition begin without a say."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _valid(inputs: NetworkInputs) -> Bool[Tensor, "batch frames"] | None:
    frames = inputs.obs.shape[1]
    if inputs.length is None or all(length == frames for length in inputs.length):
        return None
    at = torch.arange(frames, device=inputs.obs.device)
    return at < torch.tensor(inputs.length, device=inputs.obs.device)[:, None]


def _mean_over_valid(x: Tensor, valid: Tensor | None) -> Tensor:
    if valid is None:
        return x.mean(dim=1, keepdim=True)
    weight = valid[..., None].to(x.dtype)
    return (x * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
