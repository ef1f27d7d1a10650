"""The first page: what this is, the latest verdict, and three ways on."""
