"""From stored results to statistics, verdicts, tables and figures."""
