# The part of kazoo that is used here; it ships no types itself.
