# The part of taskflow that is used here; it ships no types itself.
from taskflow.types import graph as graph
from taskflow.types import tree as tree
