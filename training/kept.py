"""Arrays that are computed once and kept in the cache. A file is there whole or not at all, so runs side by side may share a cache."""

import hashlib
import os

import numpy as np


def named(name, *made_of):
    """NAME.KEY, with a key of the strings that an array is made of: others get another file."""
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
    return f"{name}.{key[:16]}"


def kept(path, make):
    """The array at PATH.npy; made by make() and kept where it is not there yet."""
    path += ".npy"
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{path}.{os.getpid()}.part"
        with open(part, "wb") as f:
            np.save(f, make())
        os.replace(part, path)
    return np.load(path)
