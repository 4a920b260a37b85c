"""Who may know whom, as DESIGN.md states it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("promptda", "recon", "train")

# The modules of ours that each place may import; the longest name that fits a module decides.
MAY_IMPORT = {
    "promptda": ("promptda",),
    "recon": ("promptda", "recon"),
    "recon.cli": ("promptda", "recon", "train"),
    "recon.captures": ("recon.captures", "recon.geometry", "recon.errors", "recon.atomic"),
    "recon.geometry": ("recon.geometry",),
    "recon.prompts": ("recon.prompts", "recon.geometry", "recon.captures.base", "recon.errors"),
    "train": (
        "promptda",
        "train",
        "recon.geometry",
        "recon.captures",
        "recon.prompts",
        "recon.evaluation",
        "recon.errors",
        "recon.atomic",
    ),
}
OPEN3D_LIVES_IN = (
    "recon.fusion", "recon.evaluation", "recon.report.preview", "recon.poses", "train.pseudo", "train.synthetic",
)  # fmt: skip
NO_TORCH = ("recon.captures", "recon.geometry", "recon.prompts", "recon.cli")


class Import(NamedTuple):
    module: str
    name: str  # what is imported, with its package
    line: int
    at_module_level: bool

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}: {self.name}"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[Import]:
    """Imports that run; those for type checkers alone bind nobody."""

    def visit(node: ast.AST, at_module_level: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            names = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{path}: relative import"
                names = [f"{child.module}.{alias.name}" for alias in child.names]
            yield from (Import(module_name(path), name, child.lineno, at_module_level) for name in names)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, at_module_level and not inside)

    yield from visit(ast.parse(path.read_text("utf-8")), True)


FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
IMPORTS = [found for path in FILES for found in imports_of(path)]
MODULES = {module_name(path) for path in FILES}


def within(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def ours(imports: list[Import]) -> list[Import]:
    return [found for found in imports if within(found.name, *PACKAGES)]


def test_there_is_something_to_look_at() -> None:
    assert len(ours(IMPORTS)) > 50
    assert any(within(found.name, "open3d") for found in IMPORTS)


@pytest.mark.parametrize("place", MAY_IMPORT)
def test_each_place_imports_only_what_it_may_know(place: str) -> None:
    def decides(module: str) -> bool:
        return max((name for name in MAY_IMPORT if within(module, name)), key=len) == place

    wrong = [found for found in ours(IMPORTS) if decides(found.module) and not within(found.name, *MAY_IMPORT[place])]
    # `from recon import atomic` names the module, `from recon import open_capture` runs the one that defines it.
    assert not [str(found) for found in wrong]


def test_nothing_imports_the_command_line() -> None:
    outside = [found for found in IMPORTS if not within(found.module, "recon.cli")]
    assert not [str(found) for found in outside if within(found.name, "recon.cli")]


def test_open3d_is_imported_inside_functions_of_few_places_only() -> None:
    open3d = [found for found in IMPORTS if within(found.name, "open3d")]
    assert not [str(found) for found in open3d if not within(found.module, *OPEN3D_LIVES_IN)]
    assert not [str(found) for found in open3d if found.at_module_level]


def test_torch_is_unknown_to_captures_geometry_prompts_and_the_command_lines_first_half() -> None:
    torch = [found for found in IMPORTS if within(found.name, "torch") and within(found.module, *NO_TORCH)]
    assert not [str(found) for found in torch]


def test_no_module_needs_itself_to_be_imported() -> None:
    def target(name: str) -> str:
        return name if name in MODULES else name.rpartition(".")[0]

    needs: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in ours(IMPORTS):
        if found.at_module_level:
            needs[found.module].add(target(found.name))
    done: set[str] = set()

    def follow(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for needed in sorted(needs.get(module, ())):
                follow(needed, (*path, module))
            done.add(module)

    for module in sorted(MODULES):
        follow(module, ())


@pytest.mark.parametrize("module", ["recon", "recon.captures.readers", "recon.cli.main", "promptda"])
def test_what_must_load_fast_loads_neither_torch_nor_open3d(module: str) -> None:
    script = f"import sys, {module}; print(*{{'torch', 'open3d', 'transformers'}} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT)
    assert told.stdout.strip() == ""
