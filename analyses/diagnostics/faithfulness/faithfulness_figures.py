summaries = None
