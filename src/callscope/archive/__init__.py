"""The files of the calls: where they are, how they are written, read, repaired and removed."""
