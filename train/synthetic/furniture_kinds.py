"""Which kind of piece a model of a Sweet Home 3D catalogue is, told by its name, category and size."""

import re

from train.synthetic.sh3f import Entry

# The first row that fits decides: kind, names, range of heights and largest footprint, in metres. Kinds that
# need more than a mesh (light, an opening, a person's seat) are left to other sources of furniture.
ROWS = (
    ("", r"^(lying|sitting) |under snow|christmas|football goal|flowers|bonsai|^bush$|barnum|keyboard", 0, 99, 99),
    ("", r"door$|window|hood$|urinal|shower curtain|swimming", 0, 99, 99),
    ("person", r"^(female|male|boy|girl|holding (fe)?male|mannequin (fe)?male)$", 1.2, 2.1, 1.5),
    ("bicycle", r"^(bicycle|bike)$", 0.6, 1.4, 2.0),
    ("vehicle", r"chevrolet|sedan|focus|peugeot|renault|suv|leon|smart|beetle|van$|scooter|yamaha|^truck$", 0.7, 4, 8),
    ("tree", r"acacia|bamboo|coconut|beech|cypress|ficus|maple|palm tree|peach|^pine$|poplar|hedge", 0.9, 13, 12),
    ("street", r"^(painted |concrete )?bench|trash ?can|hydrant|mailbox|^fence|^cone$", 0, 9, 3),
    ("street", r"lamppost|street l|park light|pedestrian railing", 0, 9, 3),
    ("armchair", r"armchair|^puff$", 0.4, 1.3, 1.3),
    ("sofa", r"sofa|couch|day bed", 0.4, 1.2, 3.6),
    ("chair", r"chair|stool|class seat", 0.4, 1.25, 1.0),
    ("low table", r"coffee table|bedside table|rattan table|^(glass )?table$|children table", 0.25, 0.62, 1.7),
    ("desk", r"desk$|technical table|workbench|dressing table", 0.6, 1.9, 2.6),
    ("table", r"table($| on trestles| with)", 0.63, 1.15, 3.0),
    ("bed", r"bed$|futon|crib", 0.15, 2.1, 2.7),
    ("shelf", r"bookcase|shelves|contemporary living room", 0.6, 2.4, 3.4),
    ("cupboard", r"wardrobe|cupboard|dresser|chest$|television cabinet|tv stand", 0.4, 2.4, 2.3),
    ("cupboard", r"filing|locker|safe$|changing", 0.4, 2.4, 2.3),
    ("kitchen", r"fridge|refrigerator|freezer|washing machine|dryer|lower cabinet|drawers cabinet", 0.5, 2.3, 1.2),
    ("kitchen", r"high cabinet|sink|stove|double oven|island$", 0.5, 2.3, 1.3),
    ("bathroom", r"bath$|bathtub|toilets unit|bidet|vanity|washbasin|shower stall|basin$", 0.4, 2.4, 2.0),
    ("table lamp", r"lamp$", 0.2, 0.85, 0.6),
    ("lamp", r"lamp$", 1.2, 2.0, 0.9),
    ("screen", r"^tv", 0.3, 1.0, 1.5),
    ("workplace", r"laptop|ibook|imac", 0.1, 0.6, 0.6),
    ("plant", r"plant|yucca|spathiphyllum|cactus|ficus|tulip|lily|orchid|bamboo|flower box", 0.22, 2.0, 1.4),
    ("radiator", r"^radiator$", 0.4, 1.2, 2.3),
    ("small", r"", 0.015, 0.5, 0.45),
    ("misc", r"", 0.08, 1.9, 1.7),
)
NEVER_LOOSE = ("Doors and windows", "Staircases", "Lights")  # neither small nor misc: they hang or are built in


def kind_of(entry: Entry) -> str | None:
    """The kind in whose place the model can stand; None for what floats, hangs or is too odd."""
    if entry.elevation > 0.02 and not entry.name.startswith("Radiator"):
        return None
    footprint = max(entry.width, entry.depth)
    for kind, names, lowest, highest, widest in ROWS:
        if not names and entry.category in NEVER_LOOSE:
            return None
        if re.search(names, entry.name.lower()) and lowest <= entry.height <= highest and footprint <= widest:
            return kind or None
    return None
