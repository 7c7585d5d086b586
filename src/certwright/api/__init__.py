"""What the objects are: one class per kind, from which CRD, defaulting and decoding come. No I/O."""
