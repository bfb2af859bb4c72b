"""The check report: a sender's own sheet with the faulty cells marked and explained, for branch staff. Page or workbook."""
