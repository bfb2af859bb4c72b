"""Disclosure control: which counts of persons a public edition hides, so that nobody can work them out."""
