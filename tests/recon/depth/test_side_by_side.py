from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from recon.depth.side_by_side import SideBySide


def pair(red: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    image, colours = np.zeros((2, height, width, 3), np.uint8)
    image[..., 0], colours[..., 2] = red, 200
    return image, colours


def test_the_video_shows_each_pair_side_by_side(tmp_path: Path) -> None:
    with SideBySide(tmp_path / "film.mp4", 15) as film:
        for red in (50, 150, 250):
            film.write(*pair(red))
    frames = imageio.imread(tmp_path / "film.mp4", plugin="pyav")
    assert frames.shape == (3, 48, 128, 3)
    np.testing.assert_allclose(frames[:, 24, 32, 0], [50, 150, 250], atol=8)  # lossy
    np.testing.assert_allclose(frames[:, 24, 96, 2], 200, atol=8)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_frames_of_another_size_are_fitted_to_the_first(tmp_path: Path) -> None:
    with SideBySide(tmp_path / "film.mp4", 15) as film:
        film.write(*pair(200, 49, 65))
        film.write(*pair(200, 24, 32))
    assert imageio.imread(tmp_path / "film.mp4", plugin="pyav").shape == (2, 48, 130, 3)


@pytest.mark.parametrize("frames", [0, 2])
def test_a_failure_leaves_no_file(tmp_path: Path, frames: int) -> None:
    def stop_early() -> None:
        with SideBySide(tmp_path / "film.mp4", 15) as film:
            for _ in range(frames):
                film.write(*pair(100))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_early()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"), SideBySide(tmp_path / "none" / "film.mp4", 15):
        pass
