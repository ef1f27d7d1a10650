"""The page Whole data set: the report of a stored run. It alone imports analyses."""
