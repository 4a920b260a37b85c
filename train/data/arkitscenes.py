"""ARKitScenes' depth upsampling set for training: iPad LiDAR as prompt, a laser scan as truth."""

from pathlib import Path

from recon.evaluation.arkitscenes import FACTOR, ARKitScenes
from train.data.base import require_folder
from train.sample import Sample

SOURCE = (
    "download it with ARKitScenes' download_data.py upsampling, https://github.com/apple/ARKitScenes (CC BY-NC-SA 4.0)"
)


class ARKitScenesTraining:
    """The training split as the evaluation prepares it: 768x1024, turned upright.

    No gradient term counts: the laser's edges lie some pixels beside the picture's.
    """

    name = "arkitscenes"

    def __init__(self, root: Path) -> None:
        require_folder(root / "Training", "<video>/{wide,highres_depth,lowres_depth}", SOURCE)
        self._source = ARKitScenes(root, "Training", FACTOR)

    def __len__(self) -> int:
        return len(self._source.names)

    def sample(self, index: int) -> Sample:
        """See ``Dataset``."""
        (read,) = self._source.samples([index])
        found = read()
        assert found.image is not None
        assert found.prompt is not None
        return Sample(found.name, found.image, found.target, found.prompt.depth)
