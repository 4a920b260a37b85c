"""DINOv2 vision transformers (Oquab et al., arXiv:2304.07193), tapped at four depths."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from promptda.encoders.reassemble import Reassemble

PATCH_PX = 14
NATIVE_GRID = 37  # patches along a side in pretraining: 518 pixels
GRID_OFFSET = 0.1  # the released code adds it to the grid's sides, so as not to lose a row to rounding
NORM_EPS = 1e-6
MLP_RATIO = 4
REGISTERS = 4  # tokens of the variants that have them

Grid = tuple[int, int]  # patches along height and width
Step = Callable[[Tensor], Tensor]  # tokens (b, n, d) to tokens


@dataclass(frozen=True)
class Size:
    """One row of the presets."""

    width: int  # of a token
    depth: int  # blocks
    heads: int
    taps: tuple[int, int, int, int]  # blocks whose tokens leave for the decoder, counted from 0
    channels: tuple[int, int, int, int]  # of the pyramid made of them, finest first
    gated: bool = False  # a SwiGLU instead of a perceptron in each block
    registers: int = 0


_PLAIN = {
    "vits": Size(384, 12, 6, (2, 5, 8, 11), (48, 96, 192, 384)),
    "vitb": Size(768, 12, 12, (2, 5, 8, 11), (96, 192, 384, 768)),
    "vitl": Size(1024, 24, 16, (4, 11, 17, 23), (256, 512, 1024, 1024)),
    "vitg": Size(1536, 40, 24, (9, 19, 29, 39), (1536, 1536, 1536, 1536), gated=True),
}
SIZES = _PLAIN | {f"{name}-registers": replace(size, registers=REGISTERS) for name, size in _PLAIN.items()}

MAX_DEPTH = max(size.depth for size in SIZES.values())


def plain(vit: "VisionTransformer", _tokens: Tensor, _grid: Grid) -> Iterable[Step]:
    """The blocks as they are."""
    return cast("Iterable[Step]", vit.blocks)


# What runs between the embedding of the patches and the taps: one step for each block. Prompt designs
# that work inside the encoder give their own.
Steps = Callable[["VisionTransformer", Tensor, Grid], Iterable[Step]]


class DinoV2(nn.Module):
    """A transformer whose tapped tokens are reassembled into a pyramid at 4, 2, 1 and 1/2 times the patch grid."""

    stride = PATCH_PX

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.channels = size.channels
        self.vit = VisionTransformer(size)
        self.reassemble = Reassemble(size.width, size.channels)

    def forward(self, image: Float[Tensor, "b 3 H W"], steps: Steps = plain) -> list[Float[Tensor, "b _ _ _"]]:
        return cast("list[Tensor]", self.reassemble(self.vit(image, steps)))


class VisionTransformer(nn.Module):
    """Maps of patch tokens, normalised, after each of the tapped blocks."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        width = size.width
        self.taps = size.taps
        self.patch_embed = nn.Conv2d(3, width, kernel_size=PATCH_PX, stride=PATCH_PX)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + NATIVE_GRID**2, width))
        # Of masked pretraining; published files hold it, nothing here reads it.
        self.mask_token = nn.Parameter(torch.zeros(1, width), requires_grad=False)
        self.register_tokens = nn.Parameter(torch.empty(1, size.registers, width)) if size.registers else None
        self.blocks = nn.ModuleList(Block(width, size.heads, size.gated) for _ in range(size.depth))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        if self.register_tokens is not None:
            nn.init.normal_(self.register_tokens, std=1e-6)

    def forward(self, image: Float[Tensor, "b 3 H W"], steps: Steps = plain) -> list[Float[Tensor, "b d h w"]]:
        tokens, grid = self.embed(image)
        extra = tokens.shape[1] - grid[0] * grid[1]
        maps = []
        for index, step in enumerate(steps(self, tokens, grid)):
            tokens = step(tokens)
            if index in self.taps:
                # Tokens in this order of axes are a map in channels-last memory: no copy.
                maps.append(self.norm(tokens[:, extra:]).unflatten(1, grid).permute(0, 3, 1, 2))  # (b, d, h, w)
        return maps

    def embed(self, image: Float[Tensor, "b 3 H W"]) -> tuple[Float[Tensor, "b n d"], Grid]:
        """Tokens of class, registers and patches in this order, and the grid of the patches."""
        patches = self.patch_embed(image)  # (b, d, h, w)
        grid = patches.shape[-2:]
        of_class = self.cls_token.expand(image.shape[0], -1, -1)
        tokens = torch.cat([of_class, patches.flatten(2).mT], dim=1)  # (b, 1 + h w, d)
        tokens = tokens + self.position(grid[0], grid[1])
        if self.register_tokens is not None:  # they have no place in the image
            registers = self.register_tokens.expand(image.shape[0], -1, -1)
            tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        return tokens, grid

    def position(self, height: int, width: int) -> Float[Tensor, "1 n d"]:
        """The position embedding on a grid of patches, as the released code of each variant interpolates it.

        Bicubic at the scale ``(side + 0.1) / 37``, not at the ratio of sizes; an exact size, as in
        ``transformers``, gives slightly different values. With registers to the exact size, antialiased.
        """
        if height == width == NATIVE_GRID:
            return self.pos_embed
        of_class, of_patches = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        native = of_patches.float().mT.reshape(1, -1, NATIVE_GRID, NATIVE_GRID)  # (1, d, 37, 37)
        if self.register_tokens is None:
            scale = ((height + GRID_OFFSET) / NATIVE_GRID, (width + GRID_OFFSET) / NATIVE_GRID)
            resized = F.interpolate(native, scale_factor=scale, mode="bicubic")  # (1, d, height, width)
        else:
            resized = F.interpolate(native, (height, width), mode="bicubic", antialias=True)
        return torch.cat([of_class, resized.flatten(2).mT.to(of_class.dtype)], dim=1)


class Block(nn.Module):
    """Self-attention, then a perceptron, each normalised before and scaled per channel after."""

    def __init__(self, width: int, heads: int, gated: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = SwiGLU(width) if gated else Perceptron(width)
        self.ls2 = LayerScale(width)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.transform(self.attend(tokens))

    def attend(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """The first half: tokens learn from each other."""
        return cast(Tensor, self.ls1(tokens, self.attn(self.norm1(tokens))))

    def transform(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """The second half: each token for itself."""
        return cast(Tensor, self.ls2(tokens, self.mlp(self.norm2(tokens))))


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))  # (b, n, 3, heads, d / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (b, heads, n, d / heads) each
        mixed = F.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, self.proj(mixed.transpose(1, 2).flatten(2)))


class Perceptron(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return cast(Tensor, self.fc2(F.gelu(self.fc1(tokens))))


class SwiGLU(nn.Module):
    """A perceptron whose hidden layer is gated (Shazeer, arXiv:2002.05202), both halves of it in one matrix.

    Two thirds as wide as the plain one, rounded up to a multiple of 8, so that both have as many weights.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = -(-(2 * MLP_RATIO * width // 3) // 8) * 8
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        gate, value = self.w12(tokens).chunk(2, dim=-1)
        return cast(Tensor, self.w3(F.silu(gate) * value))


class LayerScale(nn.Module):
    """Adds a branch to the residual, scaled per channel (Touvron et al., arXiv:2103.17239)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, residual: Float[Tensor, "b n d"], branch: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return torch.addcmul(residual, branch, self.gamma)
