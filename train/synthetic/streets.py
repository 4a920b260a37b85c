"""Streets with traffic, drawn at random, seen from a vehicle or by a passer-by with a phone."""

import numpy as np

from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid
from train.synthetic import lighting, materials
from train.synthetic.floorplan import Floorplan
from train.synthetic.furniture import FurnitureSource
from train.synthetic.houses import house
from train.synthetic.parts import box, mesh, rod, shifted, slab, yawed
from train.synthetic.placement import Space
from train.synthetic.scene import Lamp, Object, Scene, View
from train.synthetic.surfaces import tube
from train.synthetic.walks import Ground, facing, walk

REACH = 85.0  # metres of street to either side of the middle
KERB = 0.12  # metres, by which pavements are higher than the road
HIGHEST = 30.0  # metres; trees and lanterns stay below
WALKED = 18.0  # metres to either side of the middle where a passer-by stays
LANE_START = -25.0  # metres along the street, where the vehicle with the camera starts
HEADWAY = 8.0  # metres kept free before and behind that vehicle
SIGHT_Z = 30.0  # metres to either side of the middle whose things are worth a passer-by's look


class Profile:
    """Widths across the street, which runs along z with its middle at x = 0."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.road = float(rng.uniform(2.8, 7.0))  # half of it
        self.left, self.right = (float(w) for w in rng.uniform(1.5, 5.0, 2))  # pavements and gardens
        self.lane = -self.road / 2  # middle of the lane of traffic towards +z


def street(rng: np.random.Generator, furniture: FurnitureSource, camera: Camera, views: int) -> Scene:
    """A street of about 170 m with ``views`` views along it; the same generator gives the same street."""
    profile = Profile(rng)
    space = Space(_between_fronts(profile))
    drives = bool(rng.uniform() < 0.6)
    spacing = float(rng.uniform(0.4, 1.5))
    if drives:
        end = LANE_START + spacing * views + HEADWAY
        low = np.array([profile.lane - 1.3, 0.1, LANE_START - HEADWAY])
        space.keep_free(low, np.array([profile.lane + 1.3, 3.5, end]))
    _populate(rng, furniture, space, profile)
    objects = _surfaces(rng, profile) + _marks(rng, profile) + _fronts(rng, profile) + _wires(rng, profile)
    day = bool(rng.uniform() < 0.85)
    sky, sun = lighting.sky_and_sun(rng, day)
    placed, lamps = _lit(rng, space, day)
    seen = _drive(rng, profile, camera, views, spacing) if drives else walk(rng, _pavement(space), camera, views)
    return Scene("street", tuple(objects + placed), lamps, sky, sun, seen)


def _between_fronts(profile: Profile) -> Floorplan:
    x0, x1 = -profile.road - profile.left, profile.road + profile.right
    outline = np.array([[x0, -REACH], [x1, -REACH], [x1, REACH], [x0, REACH]])
    return Floorplan(np.array([[x0, -REACH, x1, REACH]]), outline, HIGHEST, HIGHEST, 0.0)


def _surfaces(rng: np.random.Generator, profile: Profile) -> list[Object]:
    """Road, kerbs, pavements, and the ground around all."""
    paving = materials.tiles(rng) if rng.uniform() < 0.6 else materials.asphalt(rng)
    stone = materials.concrete(rng)
    far = REACH + 60
    road = slab(materials.asphalt(rng), (-profile.road, -0.2, -far), (profile.road, 0.0, far))
    parts = [road, slab(materials.grass(rng), (-200, -1, -200), (200, -0.05, 200))]
    for side, width in ((-1, profile.left), (1, profile.right)):
        inner, outer = side * profile.road, side * (profile.road + width)
        edge = inner + side * 0.15
        parts.append(slab(stone, (min(inner, edge), -0.2, -far), (max(inner, edge), KERB, far)))
        parts.append(slab(paving, (min(edge, outer), -0.2, -far), (max(edge, outer), KERB - 0.005, far)))
    return parts


def _marks(rng: np.random.Generator, profile: Profile) -> list[Object]:
    """Dashes along the middle, lines at the edges and a crossing, at times; manholes and patches."""
    paint, tar = materials.painted(rng, np.full(3, rng.uniform(0.7, 0.95))), materials.asphalt(rng)
    parts: list[Object] = []
    if rng.uniform() < 0.75:
        pitch, dash = float(rng.uniform(4, 12)), float(rng.uniform(1.5, 4))
        parts += [slab(paint, (-0.07, 0, z), (0.07, 0.004, z + dash)) for z in np.arange(-60, 80, pitch)]
    if rng.uniform() < 0.5:
        for s in (-1, 1):
            x = s * (profile.road - 0.3)
            parts.append(slab(paint, (x - 0.06, 0, -REACH), (x + 0.06, 0.004, REACH)))
    if rng.uniform() < 0.4:
        z = float(rng.uniform(-20, 30))
        bars = np.arange(-profile.road + 0.3, profile.road - 0.4, 0.9)
        parts += [slab(paint, (x, 0, z), (x + 0.5, 0.005, z + 3)) for x in bars]
    for _ in range(int(rng.integers(0, 6))):
        x, z = rng.uniform(-profile.road + 0.5, profile.road - 0.5), rng.uniform(-30, 40)
        if rng.uniform() < 0.5:
            parts.append(rod(materials.metal(rng), (x, -0.01, z), (x, 0.006, z), 0.33))
        else:
            parts.append(box(tar, (rng.uniform(0.5, 2), 0.008, rng.uniform(0.5, 6)), (x, 0.0, z)))
    return parts


def _fronts(rng: np.random.Generator, profile: Profile) -> list[Object]:
    """Houses along both sides with gaps, some set back, and one that closes the view at each end."""
    parts: list[Object] = []
    for side, x in ((-1, -profile.road - profile.left), (1, profile.road + profile.right)):
        z = -REACH
        while z < REACH:
            width, depth = float(rng.uniform(6, 16)), float(rng.uniform(7, 12))
            back = float(rng.choice([0.0, 0.0, rng.uniform(0.5, 6.0)]))
            if rng.uniform() < 0.88:
                place = (x + side * back, KERB - 0.01, z + width / 2)
                parts += shifted(house(rng, width, depth), place, yawed(-side * np.pi / 2))
            z += width + float(rng.choice([0.0, 0.0, rng.uniform(0.5, 8.0)]))
    for side in (-1, 1):
        place = (float(rng.uniform(-10, 10)), 0.0, side * (REACH + rng.uniform(15, 55)))
        parts += shifted(house(rng, float(rng.uniform(14, 40)), 10.0), place, yawed(0.0 if side < 0 else np.pi))
    return parts


def _wires(rng: np.random.Generator, profile: Profile) -> list[Object]:
    """Poles along one side with sagging cables between them, in a quarter of the streets."""
    if rng.uniform() < 0.75:
        return []
    wood, black = materials.wood(rng), materials.plastic(rng)
    x, pitch, height = profile.road + 0.4, float(rng.uniform(20, 35)), float(rng.uniform(6, 8))
    poles = np.arange(-REACH + 3, REACH, pitch)
    parts = [rod(wood, (x, 0, z), (x, height + 0.4, z), 0.12) for z in poles]
    t = np.linspace(0, 1, 12)
    for z in poles[:-1]:
        for offset in (-0.5, 0.0, 0.5):
            line = np.column_stack([np.full(12, x + offset), height - 2.4 * t * (1 - t), z + pitch * t])
            parts.append(mesh(black, tube(line, 0.012, 4)))
    return parts + [rod(wood, (x - 0.6, height, z), (x + 0.6, height, z), 0.05) for z in poles]


def _populate(rng: np.random.Generator, furniture: FurnitureSource, space: Space, profile: Profile) -> None:
    """Traffic in the lanes, vehicles along the kerbs, and on the pavements trees, people and street furniture."""
    for _ in range(int(rng.integers(1, 9))):
        s = int(rng.choice([-1, 1]))
        _stand(rng, furniture, space, "vehicle", s * profile.road / 2, 0.0, 0.0 if s < 0 else np.pi)
    for _ in range(int(rng.integers(0, 14))):
        s = int(rng.choice([-1, 1]))
        _stand(rng, furniture, space, "vehicle", s * (profile.road - 1.15), 0.0, float(rng.choice([0.0, np.pi])))
    for kind, most in (("tree", 12), ("person", 9), ("street", 16), ("bicycle", 3), ("misc", 3)):
        for _ in range(int(rng.integers(0, most + 1))):
            s = int(rng.choice([-1, 1]))
            width = profile.left if s < 0 else profile.right
            x = s * (profile.road + rng.uniform(0.4, max(width - 0.2, 0.5)))
            yaw = rng.uniform(-np.pi, np.pi) if kind in ("person", "tree", "misc") else rng.integers(4) * np.pi / 2
            _stand(rng, furniture, space, kind, float(x), KERB, float(yaw))


def _stand(
    rng: np.random.Generator, furniture: FurnitureSource, space: Space, kind: str, x: float, y: float, yaw: float
) -> None:
    """Puts a piece at this distance from the middle; nearer parts of the street get more."""
    z = float(np.clip(rng.normal(0, 25), -REACH + 8, REACH - 8))
    turn = yawed(yaw + float(rng.normal(0, 0.03)))
    space.put(furniture.piece(rng, kind), rigid(turn, np.array([x + rng.normal(0, 0.1), y, z])))


def _lit(rng: np.random.Generator, space: Space, day: bool) -> tuple[list[Object], tuple[Lamp, ...]]:
    """All placed things; by night the nearest lanterns shine."""
    objects: list[Object] = []
    glowing: list[list[Object]] = []
    for each in sorted(space.placed, key=lambda placed: abs(placed.T_world_piece[2, 3])):
        things = each.objects
        if lighting.glows(things) and each.piece.kind == "street":
            if not day and len(glowing) < lighting.MOST:
                glowing.append(things)
            else:
                things = lighting.switched_off(things)
        objects += things
    return objects, lighting.lamps_of(rng, glowing, 60.0 * len(glowing), float(rng.uniform(0.5, 2)))


def _drive(rng: np.random.Generator, profile: Profile, camera: Camera, views: int, spacing: float) -> tuple[View, ...]:
    """Views of one camera of a vehicle in its lane: to the front, or to a side or the back."""
    yaw = float(rng.choice([0.0, rng.uniform(-np.pi, np.pi)], p=[0.7, 0.3]))
    pitch, height = float(rng.normal(-0.03, 0.03)), float(rng.uniform(1.2, 2.3))
    sway = np.zeros(2)
    taken = []
    for i in range(views):
        sway = 0.9 * sway + 0.1 * rng.normal(size=2)
        heading = yaw + 0.04 * sway[1]
        look = np.array([np.sin(heading), np.sin(pitch + 0.005 * rng.normal()), np.cos(heading)])
        eye = np.array([profile.lane + 0.5 * sway[0], height, LANE_START + i * spacing])
        taken.append(View(camera, rigid(facing(look, 0.01 * rng.normal()), eye)))
    return tuple(taken)


def _pavement(space: Space) -> Ground:
    plan = space.plan
    low, high = np.array([plan.low[0] + 0.4, 1.2, -WALKED]), np.array([plan.high[0] - 0.4, 1.9, WALKED])
    boxes = space.boxes
    near = (np.abs(boxes[:, :, 2]) < SIGHT_Z).all(axis=1) & (boxes[:, 0, 1] < 1.5)
    return Ground(space.clearance, low, high, boxes[near])
