"""One file per revision, oldest first by number. A published revision is never edited: write the next one."""
