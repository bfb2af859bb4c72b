"""The KPI catalogue: definitions versioned by fiscal year, target rules, judgement."""
