"""The judge is judged: what a report says of models, against planted data whose causes are known."""
