"""What assets use: the lake, the engine that runs SQL models, the serving database, progress for people."""
