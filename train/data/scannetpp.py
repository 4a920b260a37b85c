"""ScanNet++'s iPhone frames for training: the laser scan's depth, and that of a radiance field for its edges."""

from pathlib import Path
from typing import Literal

from recon.errors import UsageError
from recon.evaluation.scannetpp import ScanNetPlusPlus
from recon.geometry.resampling import resize_nearest
from train.data.base import require_folder
from train.data.triples import DepthFiles
from train.sample import Sample

SOURCE = "ask for it at https://kaldir.vc.in.tum.de/scannetpp (its own terms of use) and extract it with its toolbox"
PSEUDO_SOURCE = "https://huggingface.co/datasets/haotongl/scannetpp_zipnerf"
PSEUDO = Path("merge_dslr_iphone", "render_depth")  # of a scene, in that release
TRAINING = "nvs_sem_train"  # the set's list of 230 scenes
Truth = Literal["both", "laser", "pseudo"]


class ScanNetPlusPlusTraining:
    """Frames of the training scenes, ``ROOT/data/<scene>/iphone/{rgb,depth,render_depth}``.

    ``ROOT/data/<scene>/merge_dslr_iphone/render_depth`` holds the released depth of a Zip-NeRF by the same names, with
    or without a folder ``iphone``.

    Args:
        root: the folder that holds ``data`` and ``splits``.
        truth: laser and radiance field as the paper combines them (eq. 3: depth of one, gradients of the other); the
            laser alone, without a gradient term; or the radiance field alone for both.
    """

    def __init__(self, root: Path, truth: Truth = "both") -> None:
        self.name = "scannetpp" if truth == "both" else f"scannetpp-{truth}"
        require_folder(root / "data", "<scene>/iphone", SOURCE)
        self._source = ScanNetPlusPlus(root, TRAINING if (root / "splits" / f"{TRAINING}.txt").is_file() else None)
        self._truth = truth
        self._pseudo: dict[str, DepthFiles] = {}
        self._rows = list(range(len(self._source.names)))
        if truth != "laser":
            scenes = dict.fromkeys(name.split("/")[0] for name in self._source.names)
            folders = {scene: root / "data" / scene / PSEUDO for scene in scenes}
            self._pseudo = {scene: DepthFiles(folder) for scene, folder in folders.items() if folder.is_dir()}
            self._rows = [row for row in self._rows if self._pseudo_name(self._source.names[row]) is not None]
        if not self._rows:
            raise UsageError(
                f"{root / 'data' / '<scene>' / PSEUDO}: no depth map of any of the {len(self._source.names)} frames; "
                f"download it from {PSEUDO_SOURCE}, or train on the laser's depth alone (scannetpp-laser)"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        (read,) = self._source.samples([self._rows[index]])
        found = read()
        assert found.image is not None
        assert found.prompt is not None
        height, width = found.image.shape[:2]
        depth = resize_nearest(found.target, width, height)
        pseudo = None
        if self._truth != "laser":
            name = self._pseudo_name(found.name)
            assert name is not None
            pseudo = resize_nearest(self._pseudo[found.name.split("/")[0]].read(name), width, height)
        if self._truth == "pseudo":
            assert pseudo is not None
            depth = pseudo
        return Sample(found.name, found.image, depth, found.prompt.depth, pseudo=pseudo)

    def _pseudo_name(self, name: str) -> str | None:
        """The name of a frame among its scene's files of pseudo depth; None where it has none."""
        scene, frame = name.split("/")
        files = self._pseudo.get(scene, ())
        return next((there for there in (f"iphone/{frame}", frame) if there in files), None)
