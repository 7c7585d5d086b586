"""placeholder"""


def answer(kinds, request, cached):
    return None
