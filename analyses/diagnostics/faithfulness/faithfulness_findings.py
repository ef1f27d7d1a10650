CAPTIONS = {}
findings = tables = exclusions = by_user = None
