import base64
import dataclasses
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_report import looking_back, made_report, tripod

from recon.fusion.mesh import Mesh
from recon.report.html import Report, Section, Table, write_report
from recon.report.mesh_view import MeshView, bounded
from recon.report.plots import Bars, Curves, Histogram, Timeline, ticks

HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&--><!--"""
VOID = {"meta", "link", "img", "input"}


class Elements(HTMLParser):
    """Start tags with their attributes, and all text outside of scripts and styles."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def shape(markup: str) -> list[tuple[str, list[str]]]:
    """Tags and names of attributes: what no name may change."""
    return [(tag, sorted(attributes)) for tag, attributes in Elements(markup).tags]


def packed(view: MeshView) -> dict:
    found = re.search(r'<script type="application/json">(.*?)</script>', view.html(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


def vertices_of(view: MeshView) -> np.ndarray:
    """What the page draws, in its own axes."""
    data = packed(view)
    return np.array(data["low"]) + data["step"] * unpacked(data["positions"], "<u2").reshape(-1, 3)


def test_no_name_becomes_markup() -> None:
    ours = made_report("kitchen").html()
    assert shape(made_report(HOSTILE).html()) == shape(ours)
    assert "<script>alert" not in made_report(HOSTILE).html()
    assert "onerror" not in str([attributes.keys() for _, attributes in Elements(made_report(HOSTILE).html()).tags])


def test_names_are_shown_as_they_are() -> None:
    assert Elements(made_report(HOSTILE).html()).text.count(HOSTILE) > 12


def test_every_tag_is_closed() -> None:
    assert Elements(made_report().html()).open == []


def test_nothing_leads_out_of_the_file() -> None:
    for tag, attributes in Elements(made_report().html()).tags:
        for name in ("src", "href", "action", "srcset", "poster", "data", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    script_and_style = re.findall(r"<(?:style|script)>(.*?)</", made_report().html(), re.DOTALL)
    assert not [text for text in script_and_style if re.search(r"https?:|url\(|@import|fetch\(|XMLHttp|eval\(", text)]


def test_the_policy_allows_this_script_and_this_style_alone() -> None:
    markup = made_report().html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', markup)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy[1]
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", markup, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert not [attributes for _, attributes in Elements(markup).tags if "style" in attributes]


def test_a_name_that_is_no_unicode_is_written_too(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", made_report("caf\udce9"))
    assert "caf\\udce9" in (tmp_path / "report.html").read_text("utf-8")


class Broken:
    def html(self) -> str:
        raise RuntimeError


def test_a_report_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, made_report("earlier"))
    before = path.read_bytes()
    broken = Report("later", "", [Section("", [Broken()])])
    with pytest.raises(RuntimeError):
        write_report(path, broken)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns, but a row of 1"):
        Table(("a", "b"), [("c",)])


@pytest.mark.parametrize("offset", [0.0, 5e6])
def test_the_page_has_the_mesh_to_its_16_bits(offset: float) -> None:
    """Also where coordinates are as large as UTM's."""
    mesh = dataclasses.replace(tripod(), vertices=0.7 * tripod().vertices)
    moved = Mesh(mesh.vertices + offset, mesh.triangles, None, mesh.colors)
    view = MeshView(moved, "", "y")
    shown = vertices_of(view)
    distances = np.linalg.norm(shown[:, None] - shown, axis=2)
    assert np.allclose(distances, np.linalg.norm(mesh.vertices[:, None] - mesh.vertices, axis=2), atol=2 / 65535)
    assert (unpacked(packed(view)["colors"], "u1").reshape(-1, 3) == mesh.colors).all()
    triangles = unpacked(packed(view)["indices"], "<u4").reshape(-1, 3)
    assert sorted(map(tuple, triangles.tolist())) == sorted(map(tuple, mesh.triangles.tolist()))


@pytest.mark.parametrize(("up", "row", "sign"), [("y", 1, 1), ("-y", 1, -1), ("z", 2, 1)])
def test_the_worlds_up_is_the_pages(up: str, row: int, sign: int) -> None:
    mesh = tripod()
    shown = vertices_of(MeshView(mesh, "", up))
    height = sign * mesh.vertices[:, row]
    assert np.allclose(shown[:, 1] - shown[0, 1], height - height[0], atol=2 / 65535)


def test_cameras_tell_up_and_ahead_where_nothing_else_does() -> None:
    """Its cameras stand upright in a world whose x points up, and look along y."""
    R = np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]])  # columns: right -z, down -x, ahead y
    poses = np.array([rigid_at(R, [0.5, 0.5, z]) for z in (0.2, 0.4, 0.6)])
    mesh = tripod()
    shown = vertices_of(MeshView(mesh, "", "unknown", [poses]))
    expected = mesh.vertices @ np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]]).T
    assert np.allclose(shown - shown[0], expected - expected[0], atol=2 / 65535)


def rigid_at(R: np.ndarray, centre: list[float]) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, centre
    return T


def test_the_path_lies_where_the_cameras_were() -> None:
    mesh = tripod()
    data = packed(MeshView(mesh, "", "y", [looking_back()]))
    ends = unpacked(data["lines"], "<f4").reshape(-1, 3)[: 2 * 8]  # the way comes before the frusta
    shown = vertices_of(MeshView(mesh, "", "y", [looking_back()]))
    way = ends - shown[0] + mesh.vertices[0]  # these cameras look along the page's own -z
    centres = looking_back()[:, :3, 3]
    assert np.allclose(way[::2], centres[:-1], atol=1e-4)
    assert np.allclose(way[1::2], centres[1:], atol=1e-4)


def waves(side: int) -> Mesh:
    x, y = np.meshgrid(np.linspace(0, 4, side), np.linspace(0, 3, side))
    vertices = np.stack([x, y, 0.1 * np.sin(5 * x)], axis=-1).reshape(-1, 3)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + side], 1), np.stack([corner + 1, corner + side + 1, corner + side], 1)]
    ).astype(np.int32)
    colors = np.clip(np.stack([60 * x, 80 * y, 0 * x + 9], axis=-1).reshape(-1, 3), 0, 255).astype(np.uint8)
    return Mesh(vertices, triangles, None, colors)


def test_a_mesh_is_bounded_and_keeps_shape_winding_and_colours() -> None:
    mesh = waves(300)
    small = bounded(mesh, 20_000)
    assert 5_000 < len(small.triangles) <= 20_000
    assert small.colors is not None
    assert np.abs(small.vertices[:, 2] - 0.1 * np.sin(5 * small.vertices[:, 0])).max() < 0.01
    assert np.abs(small.colors[:, 0] - 60 * small.vertices[:, 0]).max() < 4
    a, b, c = (small.vertices[small.triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    assert (normals[:, 2] > 0).mean() > 0.999
    assert np.linalg.norm(normals, axis=1).sum() / 2 == pytest.approx(12.7, rel=0.03)


def test_a_small_mesh_stays_as_it_is() -> None:
    mesh = tripod()
    assert bounded(mesh, 6) is mesh


def test_one_huge_triangle_does_not_take_the_others_detail() -> None:
    mesh = waves(300)
    far = np.array([[0.0, 0, 0], [4000, 0, 0], [0, 4000, 0]])
    triangles = np.concatenate([mesh.triangles, [[90_000, 90_001, 90_002]]]).astype(np.int32)
    assert len(bounded(Mesh(np.concatenate([mesh.vertices, far]), triangles), 20_000).triangles) > 1_000


def test_points_that_all_coincide_are_bounded_too() -> None:
    mesh = Mesh(np.zeros((3, 3)), np.tile(np.arange(3, dtype=np.int32), (9, 1)))
    assert len(bounded(mesh, 8).triangles) == 0


def test_a_page_of_a_large_mesh_stays_small(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", made_report(mesh=waves(800)))
    assert (tmp_path / "report.html").stat().st_size < 8e6


def test_a_cloud_and_an_empty_mesh_are_shown_as_such() -> None:
    cloud = Mesh(tripod().vertices, np.zeros((0, 3), np.int32))
    assert len(vertices_of(MeshView(cloud, ""))) == 12
    assert "no surface" in MeshView(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), "nothing").html()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.0, 0.03, [0, 0.01, 0.02, 0.03]), (3.0, 47.0, [10, 20, 30, 40])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 5) == pytest.approx(expected)


def test_a_timeline_tells_every_frame_once() -> None:
    markup = Timeline(["used"] * 6 + ["blurred"] * 2 + ["used"] * 2).html()
    assert "8 (80 %)" in markup
    assert "2 (20 %)" in markup
    assert "M0 0h6v1h-6zM8 0h2v1h-2z" in markup
    assert "M6 0h2v1h-2z" in markup


def test_bars_are_as_long_as_their_amounts() -> None:
    assert re.findall(r'width="([\d.]+)" height', Bars({"a": (4.0, ""), "b": (1.0, "")}).html()) == ["100.00", "25.00"]


def test_a_histogram_collects_all_that_is_beyond() -> None:
    """Half of the values lie in the first bin, half beyond the end, so both ends stand equally high."""
    heights = re.search(r'class="area s0" d="([^"]*)"', Histogram({"a": np.array([0.0, 9.0])}, "", 1.0, {}).html())
    assert heights is not None
    points = re.findall(r"[ML][\d.]+ ([\d.]+)", heights[1])
    assert points[1] == points[-1]
    assert float(points[1]) < float(points[10])


def test_an_unknown_value_interrupts_a_curve() -> None:
    values = np.array([1.0, 1, np.nan, 1, 1])
    drawn = re.search(r'class="curve s0" d="([^"]*)"', Curves(np.arange(5.0), {"a": values}, "", "").html())
    assert drawn is not None
    assert drawn[1].count("M") == 2


def test_curves_without_any_value_say_so() -> None:
    assert "no values" in Curves(np.arange(3.0), {"a": np.full(3, np.nan)}, "", "height").html()
