from typing import Any

ATOMS: tuple[Any, ...]
FLOW: str
FLOW_END: str
TASK: str
LINK_INVARIANT: str

class Compilation:
    def __init__(self, execution_graph: Any, hierarchy: Any) -> None: ...
    @property
    def execution_graph(self) -> Any: ...
    @property
    def hierarchy(self) -> Any: ...

class PatternCompiler:
    def __init__(self, root: Any, freeze: bool = True) -> None: ...
    def compile(self) -> Compilation: ...

class Terminator:
    flow: Any
    name: str
    def __init__(self, flow: Any) -> None: ...
