# The part of taskflow that is used here; it ships no types itself.
from taskflow import flow

class Flow(flow.Flow): ...
