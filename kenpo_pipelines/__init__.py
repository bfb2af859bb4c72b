"""The domain of the KPIs, and the roof that assembles the code location and the command."""
