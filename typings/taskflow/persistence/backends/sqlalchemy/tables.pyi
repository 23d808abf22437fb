# The part of taskflow that is used here; it ships no types itself.
from typing import Any

import sqlalchemy as sa

class JSONType(sa.types.TypeDecorator[Any]): ...

def fetch(metadata: sa.MetaData) -> Any: ...
