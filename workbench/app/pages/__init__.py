"""The pages of the app, a function `page` in each."""
