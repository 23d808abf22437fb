class CLIENT:
    SSL: int
