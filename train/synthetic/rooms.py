"""Furnished rooms, drawn at random: shape, surfaces, openings, furniture, clutter, light and a walk through them."""

import numpy as np

from recon.geometry.camera import Camera
from recon.geometry.transforms import rigid
from train.synthetic import lighting, materials, pictures
from train.synthetic.arrangements import desk_set, laden, media_set, table_set
from train.synthetic.floorplan import Floorplan, floorplan
from train.synthetic.furniture import FurnitureSource, Piece, settled
from train.synthetic.openings import Openings, cut
from train.synthetic.parts import box, picture, pitched, yawed
from train.synthetic.placement import Space, box_around
from train.synthetic.scene import Lamp, Material, Object, Scene
from train.synthetic.shells import finish, outside, shell
from train.synthetic.walks import MARGIN, Ground, walk

HEADROOM = 1.75  # metres under hanging lamps
LAMP_TRIES = 40  # enough that a room without any lamp is one in thousands
DAYLIT = 0.06  # share of the floor that clear panes need to light a room without lamps
Wish = tuple[str, int, int]  # what, and at least and at most how many of it
SET_OUT = {"table set": table_set, "desk set": desk_set, "media set": media_set}
IN_THE_OPEN = {"table set", "armchair", "low table", "chair", "person", "bicycle"}
TOPPED = {"cupboard", "low table", "desk"}  # pieces that things stand on

LIVING = (("sofa", 1, 2), ("media set", 0, 1), ("shelf", 1, 3), ("table set", 0, 1), ("low table", 1, 2))
USES: dict[str, tuple[Wish, ...]] = {
    "living": (*LIVING, ("armchair", 0, 2), ("cupboard", 0, 2)),
    "bed": (
        ("bed", 1, 2),
        ("cupboard", 1, 3),
        ("low table", 0, 2),
        ("desk set", 0, 1),
        ("shelf", 0, 2),
        ("chair", 0, 2),
    ),
    "kitchen": (("kitchen", 2, 4), ("table set", 0, 1), ("shelf", 0, 1), ("cupboard", 0, 1), ("chair", 0, 2)),
    "office": (("desk set", 1, 4), ("shelf", 1, 3), ("cupboard", 0, 2), ("table set", 0, 1), ("chair", 0, 3)),
    "bath": (("bathroom", 2, 4), ("cupboard", 0, 1), ("shelf", 0, 1)),
    "dining": (("table set", 1, 3), ("cupboard", 0, 2), ("shelf", 0, 2), ("sofa", 0, 1)),
    "store": (("shelf", 1, 4), ("cupboard", 0, 2), ("bicycle", 0, 2), ("low table", 0, 2)),
    "passage": (("cupboard", 0, 2), ("shelf", 0, 1), ("bicycle", 0, 1), ("chair", 0, 1)),
}
ON_WALLS = (  # kind, at most how many, and between which heights, metres
    ("picture", 8, 0.9, 1.6),
    ("wall shelf", 3, 1.0, 1.8),
    ("socket", 5, 0.2, 1.2),
    ("radiator", 2, 0.0, 0.0),
)
EXTRAS = ("misc", "small", "plant", "lamp", "chair", "person", "bicycle")
EXTRA_SHARES = (0.5, 0.15, 0.13, 0.09, 0.08, 0.03, 0.02)


def room(rng: np.random.Generator, furniture: FurnitureSource, camera: Camera, views: int) -> Scene:
    """A furnished, lit room with a walk of ``views`` views through it; the same generator gives the same room."""
    plan = floorplan(rng)
    space = Space(plan)
    openings = cut(rng, furniture, space)
    surfaces = finish(rng)
    _build_in(rng, space, surfaces.walls)
    furnish(rng, furniture, space)
    objects = shell(rng, plan, surfaces, openings.holes) + openings.objects
    objects += _flat_things(rng, plan)
    if openings.clear_area > 0:
        objects += outside(rng, plan)
    day = bool(rng.uniform() < 0.65)
    sky, sun = lighting.sky_and_sun(rng, day)
    placed, lamps = _lit(rng, space, openings, day)
    return Scene(
        name="room",
        objects=tuple(objects + placed),
        lamps=lamps,
        sky=sky,
        sun=sun if openings.clear_area > 0 else None,
        views=walk(rng, _ground(space), camera, views),
    )


def furnish(rng: np.random.Generator, furniture: FurnitureSource, space: Space) -> None:
    """Fills the space: lamps above, what the room is for, wall pictures, then whatever else finds room."""
    _hang_lamps(rng, furniture, space)
    use = str(rng.choice(list(USES)))
    if space.plan.area < 5 and use not in ("bath", "store"):
        use = "passage"
    for kind, least, most in USES[use]:
        for _ in range(int(rng.integers(least, most + 1))):
            _place(rng, furniture, space, kind)
    for kind, most, lowest, highest in ON_WALLS:
        for _ in range(int(rng.integers(0, most + 1))):
            lift = float(rng.uniform(lowest, highest))
            space.at_wall(rng, furniture.piece(rng, kind), lift, gap=(0.0, 0.004))
    crowd = space.plan.area * rng.choice([0.3, 0.8, 1.6], p=[0.3, 0.45, 0.25])
    for _ in range(int(min(crowd, 40)) + 4):
        _place(rng, furniture, space, str(rng.choice(EXTRAS, p=EXTRA_SHARES)))


def _build_in(rng: np.random.Generator, space: Space, walls: Material) -> None:
    """Chimney breasts, boxed pipes, ledges and platforms in the walls' own surface: depth without texture."""
    height = min(space.plan.low_height, space.plan.height)
    for _ in range(int(rng.integers(0, 4))):
        size = (
            (rng.uniform(0.6, 1.6), height, rng.uniform(0.15, 0.5)),
            (rng.uniform(0.1, 0.4), height, rng.uniform(0.1, 0.4)),
            (rng.uniform(0.8, 2.5), rng.uniform(0.3, 1.2), rng.uniform(0.1, 0.4)),
            (rng.uniform(0.8, 2.0), rng.uniform(0.08, 0.4), rng.uniform(0.6, 1.5)),
        )[int(rng.integers(4))]
        space.at_wall(rng, settled([box(walls, size, (0, 0, 0))], "built in"), gap=(0.0, 0.0))


def _place(rng: np.random.Generator, furniture: FurnitureSource, space: Space, kind: str) -> None:
    """Draws a piece or a set, loads its top, and finds a place if there is one."""
    piece = SET_OUT[kind](rng, furniture) if kind in SET_OUT else furniture.piece(rng, kind)
    if kind in TOPPED and piece.size[1] < space.plan.height - 0.6:
        piece = laden(rng, furniture, piece, int(rng.integers(0, 7)))
    freely = kind in IN_THE_OPEN or (kind in EXTRAS and rng.uniform() < 0.6)
    if freely:
        space.anywhere(rng, piece)
    else:
        space.at_wall(rng, piece)


def _hang_lamps(rng: np.random.Generator, furniture: FurnitureSource, space: Space) -> None:
    """One lamp for about ten square metres, high enough to walk under or close to the ceiling."""
    plan, hung = space.plan, 0
    lamp = furniture.piece(rng, "ceiling lamp")
    for _ in range(LAMP_TRIES):
        x, z = rng.uniform(plan.low * 0.7 + plan.high * 0.3, plan.low * 0.3 + plan.high * 0.7)
        under = float(plan.ceiling(np.array([x - lamp.size[0] / 2]))[0]) - 0.002
        bottom = under - float(lamp.size[1])
        if bottom > HEADROOM or lamp.size[1] < 0.15:
            hung += space.put(lamp, rigid(np.eye(3), np.array([x, bottom, z])))
        else:
            lamp = furniture.piece(rng, "ceiling lamp")
        if hung > plan.area / 10:
            return


def _lit(
    rng: np.random.Generator, space: Space, openings: Openings, day: bool
) -> tuple[list[Object], tuple[Lamp, ...]]:
    """All placed things, and the lamps that are on: all, some or, in daylight, none."""
    daylit = day and openings.clear_area > DAYLIT * space.plan.area
    on_share = float(rng.choice([0.0, 0.5, 1.0])) if daylit else 1.0
    objects: list[Object] = []
    glowing: list[list[Object]] = []
    for each in space.placed:
        things = each.objects
        if each.piece.kind in ("ceiling lamp", "lamp") and lighting.glows(things):
            if len(glowing) < lighting.MOST and rng.uniform() < on_share:
                glowing.append(things)
            else:
                things = lighting.switched_off(things)
        objects += things
    brightness = float(np.exp(rng.uniform(np.log(0.05), np.log(1.5))))
    return objects, lighting.lamps_of(rng, glowing, space.plan.area, brightness)


def _flat_things(rng: np.random.Generator, plan: Floorplan) -> list[Object]:
    """Rugs and papers on the floor: much to see and next to no depth."""
    objects: list[Object] = []
    for i in range(int(rng.integers(0, 3))):
        size = rng.uniform(0.8, 2.6, 2)
        x, z = rng.uniform(plan.low, plan.high)
        turn = yawed(float(rng.choice([0.0, rng.uniform(-np.pi, np.pi)])))
        high = 0.006 + 0.004 * i
        rug = Piece((), np.array([size[0], high, size[1]]), "rug")
        if _fits(plan, rug, rigid(turn, np.array([x, 0.0, z]))):
            objects.append(box(materials.fabric(rng), (size[0], high, size[1]), (x, high / 2, z), turn))
            shown = materials.printed(rng, pictures.carpet)
            objects.append(
                picture(shown, size[0] * 0.98, size[1] * 0.98, (x, high + 0.001, z), turn @ pitched(-np.pi / 2))
            )
    for _ in range(int(rng.choice([0, 0, 3, 8]))):
        x, z = rng.uniform(plan.low + 0.2, plan.high - 0.2)
        turn = yawed(rng.uniform(-np.pi, np.pi)) @ pitched(-np.pi / 2)
        paper = materials.printed(rng, pictures.page if rng.uniform() < 0.7 else pictures.poster)
        objects.append(picture(paper, 0.21, 0.297, (x, 0.022, z), turn))
    return objects


def _fits(plan: Floorplan, piece: Piece, T: np.ndarray) -> bool:
    return plan.holds(*box_around(piece, T))


def _ground(space: Space) -> Ground:
    """Where the phone is carried: from a little over the floor, to look under tables, to over eye height."""
    plan = space.plan
    low = np.array([plan.low[0] + MARGIN, 0.6, plan.low[1] + MARGIN])
    high = np.array([plan.high[0] - MARGIN, min(1.85, plan.height - MARGIN), plan.high[1] - MARGIN])
    things = np.array([(each.low, each.high) for each in space.placed if each.low[1] < 1.6]).reshape(-1, 2, 3)
    return Ground(space.clearance, low, high, things)
