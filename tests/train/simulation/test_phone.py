from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from board_scene import board_and_wall, generator

from train.simulation.device import RANGES, TRUE_OVER_MEASURED, PhoneDevice, draw_devices, measured_over_true
from train.simulation.phone import Phone
from train.simulation.resizing import resize_depth

PHONE = Phone(size=(96, 128), patterns=4)
SMALL = Phone(size=(48, 64), patterns=4)


def typical(count: int) -> PhoneDevice:
    """The phone that was measured, without a scale and a bias of its own, and not smoothing."""
    drawn = draw_devices(count, generator())
    values = {"severity": 1.0, "scale": 0.0, "bias": 0.0, "displacement": 0.9, "noise": 0.001, "ripple": 0.003}
    values |= {"reach": 5.0, "colour": 3.0, "shape": 40.0, "plane": 1.0, "blur": 0.0}
    return replace(drawn, **{field.name: torch.full((count,), values[field.name]) for field in fields(drawn)})


def wall(count: int, metres: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((count, 3, 96, 128), 0.5), torch.full((count, 1, 96, 128), metres)


@pytest.mark.parametrize("place", [0, 5, 11])
def test_it_reads_as_short_as_the_table_says(place: int) -> None:
    image, depth = wall(6, RANGES[place])
    seen = PHONE.measure(image, depth, replace(typical(6), bias=torch.ones(6), ripple=torch.zeros(6)), generator())
    # The middle of 6 frames that flicker by 0.0015.
    assert float((RANGES[place] / seen.depth).median()) == pytest.approx(TRUE_OVER_MEASURED[place], abs=0.003)


def test_the_bias_is_the_tables_between_its_ranges_too() -> None:
    metres = torch.tensor([RANGES[0], 0.5, RANGES[6], 3.0, 20.0]).view(1, 1, 1, -1)
    ratio = 1 / measured_over_true(metres, torch.ones(1)).flatten().numpy()
    expected = np.exp(np.interp(metres.log().flatten().numpy(), np.log(RANGES), np.log(TRUE_OVER_MEASURED)))
    np.testing.assert_allclose(ratio, expected, rtol=1e-5)
    assert (measured_over_true(metres, torch.zeros(1)) == 1).all()


def test_a_flat_wall_is_as_flat_as_a_phone_sees_it() -> None:
    image, depth = wall(4, 1.7)
    error = PHONE.measure(image, depth, typical(4), generator()).depth.log()
    middle = error[..., 32:63, 48:79]
    apart = (middle - middle.flatten(2).median(-1).values[..., None, None]).abs()
    roughness = apart.flatten(1).median(-1).values.median()
    assert 0.0001 < roughness < 0.002  # of 31 x 31 pixels; real recordings 0.0004 to 0.001
    fine = middle.diff(dim=-1).abs().median()
    assert fine < 0.0005  # from a pixel to the next: blobs, not speckle


def test_edges_are_sharp_but_out_of_place() -> None:
    depth = torch.full((6, 1, 96, 128), 2.0)
    depth[..., 60:] = 1.4
    image = torch.where(depth < 1.9, 0.3, 0.7).expand(-1, 3, -1, -1)
    devices = replace(typical(6), displacement=torch.full((6,), 1.5))
    seen = PHONE.measure(image, depth, devices, generator()).depth[..., 18:78, :].log()
    jump = np.log(1.4 / 2.0)
    between = (seen[..., 60] - seen[..., 59]) / jump
    across = (seen[..., 61] - seen[..., 58]) / jump
    # Published of laser edges, themselves out of place: 14 % of the jump between neighbours, 52 % across three.
    assert 0.05 < float(between.mean()) < 0.5
    assert 0.45 < float(across.mean()) < 0.9
    steps = seen[..., 50:70].diff(dim=-1) / jump
    assert float(steps.amax(-1).median()) > 0.5  # real maps: 0.5 to 0.8 of an edge is between two pixels


def test_the_scale_is_the_phones_and_flickers_from_frame_to_frame() -> None:
    image, depth = wall(1, 2.0)
    devices = replace(typical(1), scale=torch.full((1,), 0.02), ripple=torch.zeros(1))
    g = generator()
    frames = [SMALL.measure(image, depth, devices, g) for _ in range(24)]
    level = torch.stack([frame.depth[frame.confidence == 2].median().log() for frame in frames]) - np.log(2)
    assert float(level.mean()) == pytest.approx(0.02, abs=0.001)
    assert float(level.std()) == pytest.approx(0.0015, rel=0.4)


def test_it_doubts_where_it_errs() -> None:
    image, depth = board_and_wall(6)
    seen = PHONE.measure(image, depth, typical(6), generator())
    error = (seen.depth / depth).log().abs()
    means = [float(error[seen.confidence == level].mean()) for level in range(3)]
    assert means[0] > 2 * means[2]
    assert means[1] > 2 * means[2]
    shares = [float((seen.confidence == level).float().mean()) for level in range(3)]
    assert min(shares) > 0.03


def test_every_pixel_reads_something_and_nothing_reads_beyond_eight_metres() -> None:
    image, depth = board_and_wall(8)
    depth = depth * torch.tensor([0.3, 1.0, 3.0, 20.0] * 2)[:, None, None, None]
    depth[:4, :, :30] = 0
    seen = SMALL(image, depth, generator()).depth
    drawn_clean = draw_devices(8, generator()).severity == 0
    assert (seen > 0).all()
    assert (seen[~drawn_clean] <= 8).all()


def test_nothing_known_gives_nothing() -> None:
    image, depth = board_and_wall(3)
    seen = SMALL(image, depth * 0, generator())
    assert not seen.depth.any()
    assert not seen.confidence.any()


def test_a_phone_without_faults_gives_a_wall_back() -> None:
    image, depth = wall(2, 3.0)
    seen = SMALL.measure(image, depth, replace(typical(2), severity=torch.zeros(2)), generator())
    torch.testing.assert_close(seen.depth, resize_depth(depth, SMALL.size))
    assert (seen.confidence == 2).all()


def test_planes_stay_planes_however_steep() -> None:
    image = torch.full((1, 3, 48, 64), 0.5)
    row = torch.arange(48.0)[:, None]
    floor = (1 / (0.2 + 0.01 * row)).expand(1, 1, 48, 64)
    quiet = replace(typical(1), noise=torch.full((1,), 1e-7), ripple=torch.zeros(1), severity=torch.full((1,), 1e-3))
    inside = (..., slice(8, 40), slice(8, 56))
    error = (SMALL.measure(image, floor, quiet, generator()).depth / floor - 1)[inside]
    assert error.abs().max() < 1e-3  # severity still brings a little of everything


def test_phones_differ_and_some_are_of_the_papers_kind() -> None:
    devices = draw_devices(4000, generator())
    assert float((devices.severity == 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    assert float(devices.severity[devices.severity > 0].median()) == pytest.approx(1, abs=0.05)
    assert float(devices.scale.std()) == pytest.approx(0.0075, rel=0.05)


def test_the_same_generator_gives_the_same_frame() -> None:
    image, depth = board_and_wall(2)
    first, again, other = (SMALL(image, depth, generator(seed)) for seed in (4, 4, 5))
    assert torch.equal(first.depth, again.depth)
    assert torch.equal(first.confidence, again.confidence)
    assert not torch.equal(first.depth, other.depth)
