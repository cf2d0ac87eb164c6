"""The contract that keeps what is private to a room private; a contract type for import-linter."""

import ast
import importlib.util
from pathlib import Path

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class RoomContract(Contract):
    """From outside a package of *root*, only the modules are imported that ``__all__`` of its ``__init__`` names."""

    type_name = "rooms"

    root = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - import-linter's.
        """Collect the imports of private modules."""
        root = str(self.root)
        private = {
            f"{room}.{name}": room
            for room in sorted(graph.find_descendants(root))
            if (children := graph.find_children(room))
            for name in {child.rpartition(".")[2] for child in children} - _public_names(room)
        }
        broken = sorted(
            f"{importer} imports {module}, which is private to {room}"
            for outermost, room in private.items()
            for module in {outermost, *graph.find_descendants(outermost)}
            for importer in graph.find_modules_that_directly_import(module)
            if importer != room and not importer.startswith(f"{room}.")
        )
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print a line for each import."""
        for line in check.metadata["broken"]:
            output.print_error(line)


def _public_names(room: str) -> set[str]:
    """Return the names in ``__all__`` of the package *room*, read without importing it."""
    spec = importlib.util.find_spec(room.partition(".")[0])
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent.joinpath(*room.split(".")[1:], "__init__.py")
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()
