"""How large functions and files are, beside the budgets of CONTRIBUTING.md. A report, not a gate.

Rust is read by rustfmt's layout: a function ends at the brace in the column of its `fn`.
"""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[1]
RUST_FN = re.compile(
    r"^(?P<indent> *)(?:pub(?:\([^)]*\))? )?(?:(?:const|async|unsafe) )*fn (?P<name>\w+)"
)


@dataclass(frozen=True)
class Function:
    """Where it stands, from signature to closing brace, and how much it takes."""

    place: str
    lines: int
    parameters: int


@dataclass(frozen=True)
class Source:
    """One file: its lines without blanks, comments and test modules, and its functions."""

    path: str
    code: int
    functions: list[Function]


@dataclass(frozen=True)
class Budget:
    """A language's targets: what is worth a second look above."""

    language: str
    function: int
    parameters: int
    code: int


BUDGETS = {
    ".rs": Budget("Rust", function=60, parameters=5, code=400),
    ".py": Budget("Python", function=50, parameters=6, code=300),
}


def rust(path: str, text: str) -> Source:
    """Measure a Rust file."""
    lines = text.split("#[cfg(test)]\nmod ", maxsplit=1)[0].splitlines()
    found = []
    for start, line in enumerate(lines):
        if match := RUST_FN.match(line):
            closing = match["indent"] + "}"
            end = next((i for i in range(start, len(lines)) if _ends(lines[i], closing)), start)
            signature = "\n".join(lines[start : end + 1]).split("{", maxsplit=1)[0]
            found.append(
                Function(f"{path}:{start + 1} {match['name']}", end - start + 1, _count(signature))
            )
    code = [line for line in lines if line.strip() and not line.strip().startswith("//")]
    return Source(path, len(code), found)


def _ends(line: str, closing: str) -> bool:
    """A closing brace in the function's column, a one-line body, or a signature without one."""
    one_line = " fn " in f" {line}" and line.endswith(("}", ";"))
    return line == closing or one_line or line == closing[:-1] + ");"


def _count(signature: str) -> int:
    """The parameters without self: one colon each, once generics and paths are gone."""
    flat, before = signature.replace("->", "").replace("::", ""), ""
    while flat != before:
        before, flat = flat, re.sub(r"<[^<>]*>", "", flat)
    return flat.split("where", maxsplit=1)[0].partition("(")[2].count(":")


def python(path: str, text: str) -> Source:
    """Measure a Python file."""
    tree = ast.parse(text)
    found = [
        Function(
            f"{path}:{node.lineno} {node.name}",
            (node.end_lineno or node.lineno) - node.lineno + 1,
            _arguments(node.args),
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return Source(path, len(code), found)


def _arguments(args: ast.arguments) -> int:
    """The parameters without self and cls."""
    every = (*args.posonlyargs, *args.args, *args.kwonlyargs)
    return sum(arg.arg not in {"self", "cls"} for arg in every)


def report(budget: Budget, sources: list[Source]) -> None:
    """Print one language's figures and what stands above its budget."""
    functions = [function for source in sources for function in source.functions]
    print(f"{budget.language}: {len(sources)} files, {len(functions)} functions")
    print(f"  {'':18}{'median':>8}{'p90':>6}{'max':>6}{'look above':>12}")
    _row("function, lines", [f.lines for f in functions], budget.function)
    _row("parameters", [f.parameters for f in functions], budget.parameters)
    _row("file, code lines", [s.code for s in sources], budget.code)
    for function in sorted(functions, key=lambda f: -f.lines):
        if function.lines > budget.function or function.parameters > budget.parameters:
            sizes = f"{function.lines} lines, {function.parameters} parameters"
            print(f"  look: {function.place}: {sizes}")
    for source in sorted(sources, key=lambda s: -s.code):
        if source.code > budget.code:
            print(f"  look: {source.path}: {source.code} code lines")
    print()


def _row(name: str, values: list[int], above: int) -> None:
    if len(values) > 1:
        p90 = quantiles(values, n=10, method="inclusive")[-1]
        print(f"  {name:18}{median(values):>8g}{p90:>6.0f}{max(values):>6}{above:>12}")


def main() -> None:
    """Measure what is shipped: the crates and the packages."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "crates/*/src/*.rs", "python/*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    measures = {".rs": rust, ".py": python}
    for suffix, budget in BUDGETS.items():
        paths = [path for path in listing.stdout.split() if path.endswith(suffix)]
        report(budget, [measures[suffix](path, (ROOT / path).read_text()) for path in paths])


if __name__ == "__main__":
    main()
