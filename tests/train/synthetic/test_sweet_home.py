"""Libraries of furniture, read from small ones that the tests write."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.errors import UsageError
from train.synthetic import sh3f
from train.synthetic.furniture import MAKERS, Piece, settled
from train.synthetic.furniture_kinds import ROWS, kind_of
from train.synthetic.parts import box
from train.synthetic.scene import Material
from train.synthetic.sweet_home import FOLDER, SweetHome

# A wedge: its high edge is at the back (z = 0), so that turns and mirrors show.
WEDGE = """mtllib wedge.mtl
v 0 0 0
v 2 0 0
v 2 5 0
v 0 5 0
v 0 0 1
v 2 0 1
vt 0 0
vt 1 1
usemtl seat
f 1/1 2/2 3/1
f 1/1 3/1 4/2
f 4/1 3/2 6/1
f 4/1 6/2 5/2
"""
FIELDS = {"name": "Chair", "category": "Office", "width": "40", "depth": "50", "height": "90", "model": "/m/wedge.obj"}


class Boxes:
    """Another source: a box for every kind."""

    def piece(self, rng: np.random.Generator, kind: str) -> Piece:
        return settled([box(Material(np.zeros((2, 2, 3), np.uint8)), (1.0, 1.0, 1.0), (0, 0, 0))], kind)


def library(
    folder: Path, fields: dict[str, str], mtl: str = "newmtl seat\nKd 1 0 0\n", obj: str = WEDGE, picture: bytes = b""
) -> Path:
    """A library of one model."""
    path = folder / "test.sh3f"
    lines = "\n".join(f"{key}#1={value}" for key, value in fields.items())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(sh3f.CATALOGUE, lines)
        archive.writestr("m/wedge.obj", obj)
        archive.writestr("m/wedge.mtl", mtl)
        archive.writestr("m/wood.png", picture)
    return path


def png(colour: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", (8, 4), colour).save(stream, "PNG")
    return stream.getvalue()


def read(path: Path) -> sh3f.Part:
    (entry,) = sh3f.catalogue(path)
    (part,) = sh3f.parts(entry)
    return part


def test_a_model_has_its_catalogue_size_in_metres_and_stands_on_the_ground(tmp_path: Path) -> None:
    part = read(library(tmp_path, FIELDS))
    np.testing.assert_allclose(part.vertices.min(axis=0), [-0.2, 0, -0.25], atol=1e-6)
    np.testing.assert_allclose(part.vertices.max(axis=0), [0.2, 0.9, 0.25], atol=1e-6)
    np.testing.assert_array_equal(part.colour, [255, 0, 0])
    assert part.texture is None


def test_the_rotation_turns_the_model_before_it_is_stretched(tmp_path: Path) -> None:
    quarter = {**FIELDS, "modelRotation": "0 0 1 0 1 0 -1 0 0"}  # takes +z to +x
    part = read(library(tmp_path, quarter))
    high = part.vertices[part.vertices[:, 1] > 0.8]
    np.testing.assert_allclose(high[:, 0], -0.2, atol=1e-6)  # the back edge, once at z = 0


def test_pictures_are_kept_with_their_coordinates(tmp_path: Path) -> None:
    part = read(library(tmp_path, FIELDS, mtl="newmtl seat\nmap_Kd wood.png\n", picture=png((10, 200, 30))))
    assert part.texture is not None
    assert part.uv is not None
    np.testing.assert_array_equal(part.texture, np.broadcast_to([10, 200, 30], (4, 8, 3)))
    assert part.uv.shape == (len(part.vertices), 2)


def test_materials_are_sought_in_the_models_own_folder_only(tmp_path: Path) -> None:
    (tmp_path / "wood.png").write_bytes(png((1, 2, 3)))
    path = library(tmp_path, FIELDS, mtl=f"newmtl seat\nmap_Kd {tmp_path}/wood.png\n", picture=png((10, 200, 30)))
    part = read(path)
    assert part.texture is not None
    np.testing.assert_array_equal(part.texture[0, 0], [10, 200, 30])


@pytest.mark.parametrize(
    "change",
    [{"width": "nan"}, {"height": "0"}, {"depth": "1e9"}, {"model": "m/wedge.exe"}, {"modelRotation": "1 0 0"}],
)
def test_entries_without_a_usable_size_are_left_out(tmp_path: Path, change: dict[str, str]) -> None:
    assert sh3f.catalogue(library(tmp_path, {**FIELDS, **change})) == []


def test_files_too_large_and_models_without_triangles_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = sh3f.catalogue(library(tmp_path, FIELDS, obj="v 0 0 0\n"))
    with pytest.raises(UsageError, match="wedge.obj"):
        sh3f.parts(entry)
    monkeypatch.setattr(sh3f, "LARGEST_FILE", 4)
    with pytest.raises(UsageError, match="at most 4"):
        sh3f.catalogue(library(tmp_path, FIELDS))


def test_a_file_that_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.sh3f").write_bytes(b"not a zip")
    with pytest.raises(UsageError, match="bad.sh3f: no readable furniture library"):
        SweetHome(Boxes(), tmp_path)


def test_a_folder_without_libraries_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="apt-get install sweethome3d-furniture"):
        SweetHome(Boxes(), tmp_path)


def test_pieces_come_from_the_library_and_what_it_lacks_from_elsewhere(tmp_path: Path) -> None:
    library(tmp_path, FIELDS)
    source = SweetHome(Boxes(), tmp_path)
    chairs = [source.piece(np.random.default_rng(seed), "chair") for seed in range(20)]
    found = [piece for piece in chairs if piece.size[0] < 0.6]
    assert 0 < len(found) < 20
    for piece in found:
        assert piece.kind == "chair"
        np.testing.assert_allclose(piece.size, [0.4, 0.9, 0.5], rtol=0.12)  # stretched by 6 and 5 per cent at most
    assert source.piece(np.random.default_rng(0), "bed").size[0] == 1.0


def test_kinds_are_those_that_rooms_ask_for() -> None:
    assert {row[0] for row in ROWS} - {""} <= set(MAKERS)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "chair"),
        ({"name": "Armchair"}, "armchair"),
        ({"name": "Coffee table", "height": "45"}, "low table"),
        ({"name": "Table", "height": "75"}, "table"),
        ({"name": "Book", "width": "15", "depth": "20", "height": "3"}, "small"),
        ({"elevation": "120"}, None),
        ({"name": "Door", "category": "Doors and windows"}, None),
        ({"name": "Sitting male", "category": "Characters"}, None),
    ],
)
def test_kinds_are_told_by_name_and_size(tmp_path: Path, change: dict[str, str], kind: str | None) -> None:
    (entry,) = sh3f.catalogue(library(tmp_path, {**FIELDS, **change}))
    assert kind_of(entry) == kind


@pytest.mark.skipif(not list(FOLDER.glob("*.sh3f")), reason="needs Debian's sweethome3d-furniture")
def test_the_real_libraries_have_what_rooms_need() -> None:
    source = SweetHome(Boxes())
    for kind in ("chair", "sofa", "table", "plant", "bicycle", "person", "small", "misc"):
        pieces = [source.piece(np.random.default_rng(seed), kind) for seed in range(6)]
        assert any(len(piece.objects[0].shape.triangles) > 12 for piece in pieces if len(piece.objects) > 1), kind
