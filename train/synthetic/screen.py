"""Between pictures and packets of rays: each packet is a small square of the picture."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from train.synthetic.packets import Rays
from train.synthetic.scene import View

SIDE = 8  # pixels of a packet


def primary_rays(
    views: Sequence[View], offset: tuple[float, float], device: torch.device
) -> tuple[Rays, Float[Tensor, " b"]]:
    """Rays through every pixel, moved by ``offset`` (pixels), as long as their z; and pixels' width at 1 m.

    Sides are filled up to whole packets beyond the picture's right and lower border.
    """
    camera = views[0].camera
    rows, columns = -(-camera.height // SIDE) * SIDE, -(-camera.width // SIDE) * SIDE
    v, u = torch.meshgrid(
        torch.arange(rows, dtype=torch.float32, device=device),
        torch.arange(columns, dtype=torch.float32, device=device),
        indexing="ij",
    )
    K = torch.tensor([[*v_.camera.K[[0, 1, 0, 1], [0, 1, 2, 2]]] for v_ in views], dtype=torch.float32, device=device)
    fx, fy, cx, cy = K[:, :, None, None].unbind(1)
    x, y = (u + offset[0] - cx) / fx, (v + offset[1] - cy) / fy
    towards = torch.stack([x, y, torch.ones_like(x)], dim=1)  # (b, 3, rows, columns)
    pose = torch.tensor([v_.T_world_camera.tolist() for v_ in views], dtype=torch.float32, device=device)
    direction = to_packets(torch.einsum("bij,bjhw->bihw", pose[:, :3, :3], towards))
    origin = pose[:, :3, 3].repeat_interleave(len(direction) // len(views), dim=0)[:, :, None]
    reach = torch.full_like(direction[:, 0], float("inf"))
    return Rays(origin.expand_as(direction).contiguous(), direction, reach), 1 / K[:, 0]


def to_packets(image: Float[Tensor, "b c h w"]) -> Float[Tensor, "k c r"]:
    """Squares of the picture, whose sides must be whole packets."""
    b, c, h, w = image.shape
    squares = image.view(b, c, h // SIDE, SIDE, w // SIDE, SIDE).permute(0, 2, 4, 1, 3, 5)
    return squares.reshape(-1, c, SIDE * SIDE)


def to_image(packets: Float[Tensor, "k c r"], height: int, width: int) -> Float[Tensor, "b c height width"]:
    """The other way round, without what was filled up."""
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    c = packets.shape[1]
    squares = packets.view(-1, rows, columns, c, SIDE, SIDE).permute(0, 3, 1, 4, 2, 5)
    return squares.reshape(-1, c, rows * SIDE, columns * SIDE)[..., :height, :width]


def to_woven(image: Float[Tensor, "b c h w"], weave: int) -> Float[Tensor, "k c r"]:
    """Packets that take every ``weave``-th pixel of each row and column, row by row of the weave last.

    Packet ``i`` holds pixels of the place ``i % weave**2`` of the weave; the picture is filled up by its border.
    """
    b, c, h, w = image.shape
    block = SIDE * weave
    padded = F.pad(image, (0, -w % block, 0, -h % block), mode="replicate")
    threads = padded.view(b, c, padded.shape[2] // block, SIDE, weave, padded.shape[3] // block, SIDE, weave)
    return threads.permute(0, 2, 5, 4, 7, 1, 3, 6).reshape(-1, c, SIDE * SIDE)


def from_woven(packets: Float[Tensor, "k c r"], weave: int, height: int, width: int) -> Float[Tensor, "b c h w"]:
    """The other way round."""
    block, c = SIDE * weave, packets.shape[1]
    rows, columns = -(-height // block), -(-width // block)
    threads = packets.view(-1, rows, columns, weave, weave, c, SIDE, SIDE).permute(0, 5, 1, 6, 3, 2, 7, 4)
    return threads.reshape(-1, c, rows * block, columns * block)[..., :height, :width]
