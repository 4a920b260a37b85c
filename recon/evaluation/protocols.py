"""The field's protocols for comparing a mesh with the truth, by name."""

from dataclasses import dataclass
from typing import Literal

THRESHOLD = 0.05  # metres; all of them agree on it


@dataclass(frozen=True)
class Fusion:
    """How a protocol fuses depth maps into the mesh that it judges; metres."""

    voxel_size: float
    truncation: float
    depth_max: float


@dataclass(frozen=True)
class Protocol:
    """Everything that decides the numbers; ``evaluate`` carries it out in the order of these fields.

    ``fusion`` is told with each number, because it moves F by several points; only ``views == "rerender"``
    fuses here, the others judge the mesh as it comes.
    """

    name: str
    source: str  # where the numbers are from
    fusion: Fusion | None
    # What --cameras does: "cull" counts only what some camera saw, of prediction and truth; "mask" does so with the
    # prediction alone; "rerender" looks at the prediction through each camera and fuses what it sees.
    views: Literal["cull", "mask", "rerender"]
    predicted_samples: int | None  # spread over the surface; None for the vertices
    true_samples: int | None
    crop_margin: float | None  # metres around the truth's box, beyond which the prediction does not count
    downsample: float | None  # metres, edge of the voxels whose means replace the points
    to_surface: bool  # distances end on the other's triangles, not on its points
    distance_cap: float | None  # metres that no distance exceeds
    inclusive: bool  # whether a distance equal to the threshold is within it
    threshold: float = THRESHOLD

    @property
    def needs_views(self) -> bool:
        return self.views == "rerender"


SURFACE = Protocol(
    name="surface",
    source="recon's own: points spread over each surface, measured to the other surface itself",
    fusion=None, views="cull", predicted_samples=200_000, true_samples=200_000, crop_margin=None, downsample=None,
    to_surface=True, distance_cap=None, inclusive=False,
)  # fmt: skip

PAPER = Protocol(
    name="paper",
    source="Prompting Depth Anything, arXiv:2412.14015, supplement; truncation and depth cut as in Atlas",
    fusion=Fusion(voxel_size=0.04, truncation=0.12, depth_max=5.0),
    views="cull", predicted_samples=None, true_samples=None, crop_margin=None, downsample=None,
    to_surface=False, distance_cap=None, inclusive=False,
)  # fmt: skip

PAPER_CODE = Protocol(
    name="paper-code",
    source="code of the paper's group for ScanNet++, the probable source of its Table 2",
    fusion=Fusion(voxel_size=0.02, truncation=0.15, depth_max=5.0),
    views="cull", predicted_samples=None, true_samples=None, crop_margin=0.1, downsample=0.02,
    to_surface=False, distance_cap=None, inclusive=False,
)  # fmt: skip

NEURALRECON = Protocol(
    name="neuralrecon",
    source="Atlas, arXiv:2003.10432, and NeuralRecon, arXiv:2104.00681: their evaluation code for ScanNet",
    fusion=Fusion(voxel_size=0.04, truncation=0.12, depth_max=5.0),
    views="rerender", predicted_samples=None, true_samples=None, crop_margin=None, downsample=0.02,
    to_surface=False, distance_cap=None, inclusive=False,
)  # fmt: skip

SIMPLERECON = Protocol(
    name="simplerecon",
    source="TransformerFusion, arXiv:2107.02191, whose evaluation SimpleRecon, arXiv:2208.14743, reports",
    fusion=Fusion(voxel_size=0.04, truncation=0.12, depth_max=3.0),
    views="mask", predicted_samples=200_000, true_samples=None, crop_margin=None, downsample=None,
    to_surface=False, distance_cap=1.0, inclusive=True,
)  # fmt: skip

DA3 = Protocol(
    name="da3",
    source="Depth Anything 3, arXiv:2511.10647: its benchmark on ScanNet++",
    fusion=Fusion(voxel_size=0.02, truncation=0.15, depth_max=5.0),
    views="cull", predicted_samples=1_000_000, true_samples=1_000_000, crop_margin=0.1, downsample=0.02,
    to_surface=False, distance_cap=None, inclusive=False,
)  # fmt: skip

PROTOCOLS: tuple[Protocol, ...] = (SURFACE, PAPER, PAPER_CODE, NEURALRECON, SIMPLERECON, DA3)
