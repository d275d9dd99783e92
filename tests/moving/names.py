"""Public names of a library that is installed, read from its files and not imported."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def public_names(package: str, *modules: str) -> list[tuple[str, str]]:
    """Module and name of what *modules* of *package* define or export; [] without the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent
    return sorted(
        (module, name)
        for module in modules
        for name in set(_names(ast.parse(_file(folder, module).read_text())))
        if not name.startswith("_")
    )


def _file(folder: Path, module: str) -> Path:
    path = folder.joinpath(*module.split(".")) if module else folder
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from ast.literal_eval(node.value)
