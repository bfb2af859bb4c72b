"""Reading submitted files: bytes to text, headers, cells, row rules. Nothing here writes to the lake or the
database."""
