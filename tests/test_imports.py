"""What the house promises of its rooms, beyond the direction of imports."""

import grimp


def test_no_module_imports_itself_in_a_circle() -> None:
    """Nor do two files of one folder: whoever reads one file needs to know no other first."""
    graph = grimp.build_graph("runner")
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    left = dict(imports)
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"in a circle, or behind one: {sorted(left)}"
