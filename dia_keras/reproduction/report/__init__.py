"""The report of a table, from its results to Markdown, CSV and PNG."""
