# The part of PyMySQL's interface that is used here; it ships no types itself.
from typing import Any

from pymysql import connections as connections
from pymysql import cursors as cursors
from pymysql import err as err
from pymysql.connections import Connection as Connection
from pymysql.err import Error as Error
from pymysql.err import OperationalError as OperationalError

def connect(**options: Any) -> Connection: ...
