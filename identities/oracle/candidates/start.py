"""The program that a stranger's code runs in: it confines itself, before it loads anything else, and then serves.

`sandbox` runs this file. Once NumPy has been imported there are threads, which would not be confined.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).parent
_PACKAGES = ("identities", "identities.oracle", "identities.oracle.candidates")
_SERVING = ("trees", *(f"oracle.candidates.{name}" for name in ("calling", "adapters", "written", "serving")))
"""The modules that serve a candidate, each of which imports none but those before it."""


def loaded(name: str, path: Path) -> ModuleType:
    """A module or package by its path, so that nothing else of the package is imported."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_serving() -> ModuleType:
    """`serving`, and what it imports, while empty modules stand for the packages, which would import JAX."""
    sys.modules.update({name: ModuleType(name) for name in _PACKAGES})
    modules = [loaded(f"identities.{name}", _HERE.parents[1] / f"{name.replace('.', '/')}.py") for name in _SERVING]
    for name in _PACKAGES:
        del sys.modules[name]
    return modules[-1]


if __name__ == "__main__":
    # The candidate gets neither end of the conversation: its own input is empty.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(int(sys.argv[1]), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    file, given, promised = json.loads(sys.argv[2])
    confinement = loaded("_confinement", _HERE / "confinement" / "__init__.py")
    in_force = confinement.confine(confinement.Permissions(*given))
    serving = load_serving()
    if list(in_force[:2]) == promised:  # of which the judge has made up its mind what to do
        serving.serve(file, requests, answers)
    else:
        serving.send(answers, {"error": f"the sandbox cannot be set up as before: {in_force}"})
