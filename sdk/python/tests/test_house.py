"""The rules of the house for Python: functions have at most 60 lines, files 400."""

from __future__ import annotations

import ast

from conftest import HERE

FOLDERS = ("src", "tests", "conformance", "benchmarks")


def test_sizes():
    files = [file for folder in FOLDERS for file in (HERE.parent / folder).rglob("*.py")]
    assert len(files) > 40
    for file in files:
        text = file.read_text()
        assert text.count("\n") <= 400, file
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                body = node.lineno if file.name.startswith("test_") else first  # a table is no code
                assert (node.end_lineno or 0) - body < 60, f"{file}: {node.name}"


def test_what_is_exported_has_a_docstring():
    import callout
    import callout.testing

    for module in (callout, callout.testing):
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, type):
                assert thing.__doc__, name
                bare = [m for m, f in vars(thing).items() if callable(f) and not m.startswith("_") and not f.__doc__]
                assert not bare, f"{name}: {bare}"
